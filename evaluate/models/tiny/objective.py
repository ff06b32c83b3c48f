"""What the network is trained on: answers, token by token, and, to help its encoder, the letters of what is said.

The network is the one that evaluates, and so are its parts; only the loss and the head for letters are the training's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from os.path import commonprefix

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from evaluate.models.qwen_audio.chat import Turn, clip_line, encode_context
from evaluate.models.qwen_audio.features import Query
from evaluate.models.qwen_audio.model import QwenAudioChat
from evaluate.models.qwen_audio.network import Memory, Network
from evaluate.models.qwen_audio.tokenizer import END, TURN_END, Encoded, Tokenizer
from evaluate.models.tiny.pool import Heard, Question

SYSTEM, WINDOW = str(QwenAudioChat.options["system"]), 6144
REMEMBERED = 50_000
PARTS = 4
"""Of a batch, which go through the decoder one after the other."""
MASKED_BANDS, MASKED_FRAMES = 8, 6
"""The most mel bands and frames that are hidden of a clip (SpecAugment, Park et al. 2019)."""
Fact = tuple[str, str]
"""A task, and its answer."""


@dataclass(frozen=True)
class Packed:
    """A lesson's questions in one row: what all of them begin with, heard and read once, then the rest of each."""

    begin: list[int]
    """Ids, with places for the clips."""
    starts: list[int]
    """By clip: the index in ``begin`` of its <audio>."""
    rests: list[list[int]]
    """Of each question, the ids after ``begin``: of its prompt one at least, and its answer with its end."""
    answers: list[int]
    """Of each question, how many of its last ids are the answer."""

    @property
    def length(self) -> int:
        return len(self.begin) + sum(map(len, self.rests))


@dataclass(frozen=True)
class Batch:
    """A batch, ready to be computed."""

    clips: list[Query]
    """One a lesson, without ids."""
    packed: list[Packed]
    """By lesson."""
    texts: list[str]
    """By lesson, what is said; empty where nothing is, or by several."""
    answers: list[list[Fact]]
    """By lesson, all that is asked about it, chosen or not."""


class Texts:
    """A tokenizer that remembers: the same prompts come again and again."""

    def __init__(self, tokenizer: Tokenizer, ranks: Sequence[bytes]):
        self.tokenizer, self.ranks = tokenizer, ranks
        self.prompt = lru_cache(REMEMBERED)(self._prompt)
        self.answer = lru_cache(REMEMBERED)(self._answer)
        self.query = lru_cache(REMEMBERED)(self._query)

    def _prompt(self, text: str, rows: tuple[int, ...]) -> Encoded:
        return self.tokenizer.encode(text, _named(rows))

    def _answer(self, text: str, chat: bool = False) -> tuple[int, ...]:
        ids = self.tokenizer.encode(text, all_tags=not chat).ids
        return (*ids, self.tokenizer.special[TURN_END if chat else END])

    def _query(self, turns: tuple[Turn, ...], text: str, rows: tuple[int, ...]) -> Encoded:
        """The last query of a conversation; the clips stand before its first."""
        lines = "".join(clip_line(number, number) for number in range(1, len(rows) + 1))
        if turns:
            turns = ((lines + turns[0][0], turns[0][1]), *turns[1:])
        else:
            text = lines + text
        return encode_context(self.tokenizer, SYSTEM, turns, text, _named(rows), WINDOW)[0]


def _named(rows: tuple[int, ...]) -> dict[str, int]:
    return {str(number): count for number, count in enumerate(rows, 1)}


@dataclass(frozen=True)
class Asking:
    """How lessons are asked about."""

    questions: int
    """Of each lesson, at most."""
    weights: Mapping[str, float]
    """By task or type of task, how often; 1 where there is none."""
    chat: float = 0.0
    """Share of the lessons that are asked about in words, half of those in one conversation."""
    augment: bool = True
    """Whether parts of what is heard are hidden."""


def make_batch(draw: np.random.Generator, lessons: Sequence[Heard], texts: Texts, asking: Asking) -> Batch:
    """Lessons with some of their questions each."""
    batch = Batch([], [], [], [])
    for heard in lessons:
        clips = heard.clips()
        if asking.augment:
            for clip in clips:
                _hide(draw, clip.mel)
        batch.clips.append(Query([], [], clips))
        batch.texts.append(heard.text)
        batch.answers.append([(question.task, question.answer) for question in heard.questions])
        rows = tuple(clip.length.rows for clip in clips)
        worded = [question for question in heard.questions if question.chat]
        chat = bool(worded) and draw.uniform() < asking.chat
        asked = _chosen(draw, worded if chat else heard.questions, asking)
        batch.packed.append(converse(asked, rows, texts, draw.uniform() < 0.5) if chat else pack(asked, rows, texts))
    return batch


def converse(asked: Sequence[Question], rows: tuple[int, ...], texts: Texts, together: bool) -> Packed:
    """As ``pack``, in words; ``together``: each question comes after those before it and their answers."""
    turns = [(question.chat, question.answer) for question in asked]
    prompts = [
        texts.query(tuple(turns[: number if together else 0]), turns[number][0], rows) for number in range(len(turns))
    ]
    return _packed(prompts, [texts.answer(question.answer, True) for question in asked])


def pack(asked: Sequence[Question], rows: tuple[int, ...], texts: Texts) -> Packed:
    """Questions about the same clips, by tags; ``rows`` are the encoder's, by clip."""
    prompts = [texts.prompt(question.prompt, rows) for question in asked]
    return _packed(prompts, [texts.answer(question.answer) for question in asked])


def _packed(prompts: Sequence[Encoded], answers: Sequence[tuple[int, ...]]) -> Packed:
    begin = list(commonprefix([prompt.ids[:-1] for prompt in prompts]))
    rests = [[*prompt.ids[len(begin) :], *answer] for prompt, answer in zip(prompts, answers, strict=True)]
    return Packed(begin, prompts[0].starts, rests, [len(answer) for answer in answers])


def _chosen(draw: np.random.Generator, asked: Sequence[Question], asking: Asking) -> list[Question]:
    weights = asking.weights
    shares = np.array([weights.get(question.task, weights.get(question.type, 1.0)) for question in asked])
    number = min(asking.questions, int((shares > 0).sum()))
    places = draw.choice(len(asked), number, replace=False, p=shares / shares.sum())
    return [asked[place] for place in places]


def _hide(draw: np.random.Generator, mel: np.ndarray) -> None:
    """Put a clip's mean into a few bands and a few frames."""
    mean = float(mel.mean())
    width = int(draw.integers(0, MASKED_BANDS + 1))
    low = int(draw.integers(0, len(mel) - width + 1))
    mel[low : low + width] = mean
    length = min(int(draw.integers(0, MASKED_FRAMES + 1)), mel.shape[1] // 8)
    first = int(draw.integers(0, mel.shape[1] - length + 1))
    mel[:, first : first + length] = mean


def answer_loss(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each question, a token of its answer, shape = (questions,), and the share of the answer's
    tokens that come out first, shape = (questions,); in the order of the lessons."""
    spans = network.hear(batch.clips)
    order = sorted(range(len(batch.packed)), key=lambda row: batch.packed[row].length)
    part = -(-len(order) // PARTS)  # short rows apart from long ones: less padding
    found, asked = [], []
    for first in range(0, len(order), part):
        rows = order[first : first + part]
        found.append(_answered(network, [batch.packed[row] for row in rows], [spans[row] for row in rows]))
        asked += [(row, number) for row in rows for number in range(len(batch.packed[row].rests))]
    place = torch.tensor(sorted(range(len(asked)), key=asked.__getitem__))
    losses, shares = (torch.cat(parts)[place] for parts in zip(*found, strict=True))
    return losses, shares


def _answered(network: Network, rows: Sequence[Packed], spans: Sequence[list[Tensor]]) -> tuple[Tensor, Tensor]:
    """As ``answer_loss``, of some of the lessons, with what was heard in each."""
    longest = max(packed.length for packed in rows)
    places, segments = (torch.tensor(table) for table in zip(*(_laid(row, longest) for row in rows), strict=True))
    before = torch.ones(longest, longest).tril().bool()
    mask = before & ((segments[:, None, :] == 0) | (segments[:, None, :] == segments[:, :, None]))
    kept: list[Tensor] = []
    hook = network.layers[-1].register_forward_hook(lambda module, given, result: kept.append(result))
    try:  # the network itself gives the logits of the last token alone
        memory = Memory(network.architecture.layers, longest)
        frequencies = network.frequencies([1] * len(rows))  # the same for all lengths up to the trained one
        network(_embedded(network, rows, spans, longest), places, frequencies, mask[:, None], memory)
    finally:
        hook.remove()
    lines, columns, target, sizes = _targets(rows)
    logits = network.lm_head(network.norm(kept[0][lines, columns]))
    each = F.cross_entropy(logits, target, reduction="none")
    right = (logits.argmax(dim=-1) == target).float()
    question = torch.arange(len(sizes)).repeat_interleave(sizes)
    nothing = torch.zeros(len(sizes))
    return nothing.index_add(0, question, each) / sizes, nothing.index_add(0, question, right) / sizes


def _laid(packed: Packed, longest: int) -> tuple[list[int], list[int]]:
    """Of each token of a row, its place in its own question, and which question it is of: 0 is what all begin with.
    Padding goes on as a question of its own."""
    places, segments = list(range(len(packed.begin))), [0] * len(packed.begin)
    for number, rest in enumerate(packed.rests, 1):
        places += range(len(packed.begin), len(packed.begin) + len(rest))
        segments += [number] * len(rest)
    padding = longest - packed.length
    return places + [0] * padding, segments + [len(packed.rests) + 1] * padding


def _targets(rows: Sequence[Packed]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each token of an answer its row, the column before it, and its id; and of each question how many it has."""
    lines: list[int] = []
    columns: list[int] = []
    target: list[int] = []
    sizes: list[int] = []
    for line, packed in enumerate(rows):
        end = len(packed.begin)
        for rest, size in zip(packed.rests, packed.answers, strict=True):
            end += len(rest)
            lines += [line] * size
            columns += range(end - size - 1, end - 1)
            target += rest[-size:]
            sizes.append(size)
    return torch.tensor(lines), torch.tensor(columns), torch.tensor(target), torch.tensor(sizes)


def _embedded(network: Network, rows: Sequence[Packed], spans: Sequence[list[Tensor]], longest: int) -> Tensor:
    """As ``Network.embed``, shape = (rows, longest, hidden_size), with what was heard already, padded after."""
    whole = [[*packed.begin, *(token for rest in packed.rests for token in rest)] for packed in rows]
    embedded = network.embed_tokens(torch.tensor([ids + [0] * (longest - len(ids)) for ids in whole]))
    places, heard = [], []
    for line, packed in enumerate(rows):
        for start, span in zip(packed.starts, spans[line], strict=True):
            places.append(torch.arange(len(span)) + line * longest + start)
            heard.append(span)
    flat = embedded.reshape(-1, embedded.shape[-1])
    return flat.index_copy(0, torch.cat(places), torch.cat(heard)).view_as(embedded)
