"""Text to token ids and back: byte-level BPE from the checkpoint's qwen.tiktoken, and the special tokens after it."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evaluate.models.base import ModelError
from evaluate.models.qwen_audio.config import Architecture
from evaluate.models.tags import CLIP, CLIP_END, CLIP_START, PLACE, TAG

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How text is cut before BPE, as the vocabulary was made: contractions, words, single digits, punctuation, blanks."""
END, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL = (END, TURN_START, TURN_END, *(f"<|extra_{number}|>" for number in range(205)))
"""The language model's own special tokens; the audio model's tags follow them."""

_TAGS = """
startoftranscript startofanalysis translate transcribe caption keyword unknown
en zh de es ko fr ja it zh_tr notimestamps sil timestamps {time}
caption_audiocaps caption_clotho audioset_ontology caption_plain itn wo_itn
startofentityvalue endofentityvalue startofentitytype endofentitytype named_entity_recognition audio_grounding
startofword endofword delim emotion_recognition music_description note_analysis
pitch {midi_pitch} velocity {midi_velocity} sonic instrument speaker_meta song_meta
question answer choice scene event vocal_classification speech_understanding scenario action entities speech_edit
"""


@cache
def audio_tags() -> tuple[str, ...]:
    """The audio model's special tokens in the order of their ids; times go from 0.00 to 30.00 s in steps of 10 ms."""
    series = {
        "{time}": [f"{step // 100}.{step % 100:02}" for step in range(3001)],
        "{midi_pitch}": [f"midi_pitch_{number}" for number in range(128)],
        "{midi_velocity}": [f"midi_velocity_{number}" for number in range(128)],
    }
    names = [name for entry in _TAGS.split() for name in series.get(entry, [entry])]
    return (PLACE, *(f"<|{name}|>" for name in names), CLIP_START, CLIP_END)


@cache
def special_tokens() -> tuple[str, ...]:
    """All 3,522 special tokens in the order of their ids, which follow the vocabulary's ranks."""
    return (*CONTROL, *audio_tags())


@dataclass(frozen=True)
class Encoded:
    """A text as ids, and where its clips are."""

    ids: list[int]
    clips: list[str]
    """What each clip is called in the text, in order; one may stand twice."""
    starts: list[int]
    """Per clip, the index in ``ids`` of its <audio>."""

    def __add__(self, other: "Encoded") -> "Encoded":
        shifted = [start + len(self.ids) for start in other.starts]
        return Encoded(self.ids + other.ids, self.clips + other.clips, self.starts + shifted)


_MARKS = re.compile("|".join(re.escape(mark) for mark in (CLIP_START, CLIP_END, PLACE)))
"""The special tokens that look otherwise than ``<|...|>``."""


class Tokenizer:
    """Qwen-Audio's tokenizer, over the vocabulary of a checkpoint."""

    def __init__(self, ranks: dict[bytes, int], vocab_size: int):
        """``ranks`` are the vocabulary's pieces by rank; the embedding's rows from ``len(self)`` on are spare."""
        import tiktoken

        self.special = {name: len(ranks) + place for place, name in enumerate(special_tokens())}
        self.vocab_size = vocab_size
        self._first_special = len(ranks)
        self._audio_tags = frozenset(audio_tags())
        self._bpe = tiktoken.Encoding("qwen_audio", pat_str=SPLIT, mergeable_ranks=ranks, special_tokens=self.special)

    @classmethod
    def read(cls, folder: Path, architecture: Architecture) -> "Tokenizer":
        """From a checkpoint's qwen.tiktoken. Raises ModelError where it is not whole or does not fit config.json."""
        ranks = read_ranks(folder / "qwen.tiktoken")
        start = len(ranks) + special_tokens().index(CLIP_START)
        if architecture.audio_start != start:
            raise ModelError(
                f"{folder.name}: after the {len(ranks)} ranks of qwen.tiktoken, <audio> has the id {start}, and "
                f"config.json says audio.audio_start_id={architecture.audio_start}; they are of different checkpoints"
            )
        if architecture.vocab_size < len(ranks) + len(special_tokens()):
            raise ModelError(
                f"{folder.name}: config.json says vocab_size={architecture.vocab_size}, and qwen.tiktoken with the "
                f"special tokens has {len(ranks) + len(special_tokens())}"
            )
        return cls(ranks, architecture.vocab_size)

    def __len__(self) -> int:
        """How many ids have a meaning."""
        return self._first_special + len(self.special)

    def encode(self, text: str, rows: Mapping[str, int] | None = None, all_tags: bool = True) -> Encoded:
        """Ids of a text.

        A clip ``<audio>NAME</audio>`` becomes its two tags around ``rows[NAME]`` places. Other special tokens become
        their ids: all of them, or (``all_tags=False``, in a chat) the audio model's tags only, so that a user's
        ``<|im_end|>`` is text. Raises ModelError for an <audio> that is not closed in its line, and for a clip that
        ``rows`` does not have.
        """
        rows = rows or {}
        encoded = Encoded([], [], [])
        pieces = CLIP.split(unicodedata.normalize("NFC", text))
        for place, piece in enumerate(pieces):
            if place % 2 == 0:
                encoded += Encoded(self._plain(piece, all_tags), [], [])
            elif piece not in rows:
                raise ModelError(f"the text names a clip that is not there: {CLIP_START}{piece}{CLIP_END}")
            else:
                inside = [self.special[PLACE]] * rows[piece]
                encoded += Encoded([self.special[CLIP_START], *inside, self.special[CLIP_END]], [piece], [0])
        return encoded

    def _plain(self, text: str, all_tags: bool) -> list[int]:
        if CLIP_START in text:
            raise ModelError(f"an {CLIP_START} is not closed by {CLIP_END} in its line: {text[:60]!r}")
        there = {tag for tag in (*TAG.findall(text), *_MARKS.findall(text)) if tag in self.special}
        allowed = there if all_tags else there & self._audio_tags  # tiktoken takes a while to be told of thousands
        return self._bpe.encode(text, allowed_special=allowed, disallowed_special=())

    def decode(self, ids: Sequence[int], skip_special: bool = False) -> str:
        """Text of ids; bytes that are no UTF-8 become U+FFFD. Raises ModelError for a spare id, which means nothing."""
        for token in ids:
            if not 0 <= token < len(self):
                raise ModelError(
                    f"the id {token} has no text: {len(self)} to {self.vocab_size - 1} are spare rows of the "
                    f"embedding, which no training has touched"
                )
        kept = [token for token in ids if not (skip_special and token >= self._first_special)]
        return self._bpe.decode_bytes(kept).decode("utf-8", "replace")


def read_ranks(path: Path) -> dict[bytes, int]:
    """The vocabulary of a .tiktoken file, a line ``BASE64 RANK`` each. Raises ModelError for one that is not whole."""
    name = f"{path.parent.name}/{path.name}"
    ranks: dict[bytes, int] = {}
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        raise ModelError(
            f"{path.parent.name} has no {path.name}, the vocabulary of every Qwen-Audio checkpoint"
        ) from None
    for number, line in enumerate(lines):
        piece, _, rank = line.partition(b" ")
        try:
            ranks[base64.b64decode(piece, validate=True)] = int(rank)
        except (binascii.Error, ValueError):
            raise ModelError(f"{name}, line {number + 1}: not a piece in base64 and its rank") from None
    if list(ranks.values()) != list(range(len(lines))):
        raise ModelError(f"{name}: its ranks do not count from 0, each once; the file is damaged")
    if missing := [byte for byte in range(256) if bytes([byte]) not in ranks]:
        raise ModelError(f"{name}: the byte {missing[0]} has no rank; the file is not whole")
    return ranks
