"""A small vocabulary for Qwen-Audio's tokenizer: byte-level BPE, trained on the texts of lessons."""

import base64
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from evaluate.models.qwen_audio.tokenizer import SPLIT, special_tokens

Pair = tuple[bytes, bytes]


def train_ranks(texts: Iterable[str], pieces: int) -> list[bytes]:
    """The 256 bytes, then at most so many pieces, each of two that stand before it: the commonest pair of all words
    first, among equals the smallest. Special tokens in the texts are left out. (Sennrich et al. 2016, on bytes.)"""
    import regex  # what tiktoken itself cuts with

    special = regex.compile("|".join(map(regex.escape, sorted(special_tokens(), key=len, reverse=True))))
    split = regex.compile(SPLIT)
    counts = Counter(word for text in texts for part in special.split(text) for word in split.findall(part))
    words = [([bytes([byte]) for byte in word.encode()], count) for word, count in sorted(counts.items())]
    ranks = [bytes([byte]) for byte in range(256)]
    for _ in range(pieces):
        pairs: Counter[Pair] = Counter()
        for parts, count in words:
            for pair in pairwise(parts):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        ranks.append(best[0] + best[1])
        words = [(_merged(parts, best), count) for parts, count in words if len(parts) > 1]
    return list(dict.fromkeys(ranks))


def _merged(parts: list[bytes], pair: Pair) -> list[bytes]:
    found: list[bytes] = []
    place = 0
    while place < len(parts):
        if tuple(parts[place : place + 2]) == pair:
            found.append(pair[0] + pair[1])
            place += 2
        else:
            found.append(parts[place])
            place += 1
    return found


def tiktoken_file(ranks: Iterable[bytes]) -> bytes:
    """The content of ``qwen.tiktoken``."""
    return "".join(f"{base64.b64encode(piece).decode()} {rank}\n" for rank, piece in enumerate(ranks)).encode()
