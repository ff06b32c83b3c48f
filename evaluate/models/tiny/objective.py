"""What the network is trained on: answers, token by token, and, to help its encoder, the letters of what is said.

The network is the one that evaluates, and so are its parts; only the loss and the head for letters are the training's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from evaluate.models.qwen_audio.features import Query
from evaluate.models.qwen_audio.network import Memory, Network
from evaluate.models.qwen_audio.tokenizer import END, Encoded, Tokenizer
from evaluate.models.tiny.pool import Heard, Question

REMEMBERED = 50_000
MASKED_BANDS, MASKED_FRAMES = 8, 6
"""The most mel bands and frames that are hidden of a clip (SpecAugment, Park et al. 2019)."""


@dataclass(frozen=True)
class Batch:
    """A batch, ready to be computed."""

    clips: list[Query]
    """One a lesson, without ids."""
    ids: list[list[int]]
    """Of each question: the prompt with places for the clips, and the answer with its end."""
    starts: list[list[int]]
    """Of each question, by clip: the index in ``ids`` of its <audio>."""
    lesson: list[int]
    """Of each question, the index of its lesson."""
    answers: list[int]
    """Of each question, how many of its last ids are the answer."""
    texts: list[str]
    """Of each lesson, what is said; empty where nothing is, or by several."""


class Texts:
    """A tokenizer that remembers: the same prompts come again and again."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.prompt = lru_cache(REMEMBERED)(self._prompt)
        self.answer = lru_cache(REMEMBERED)(self._answer)

    def _prompt(self, text: str, rows: tuple[int, ...]) -> Encoded:
        return self.tokenizer.encode(text, {str(number): count for number, count in enumerate(rows, 1)})

    def _answer(self, text: str) -> tuple[int, ...]:
        return (*self.tokenizer.encode(text).ids, self.tokenizer.special[END])


def make_batch(
    draw: np.random.Generator,
    lessons: Sequence[Heard],
    texts: Texts,
    questions: int,
    weights: Mapping[str, float],
    augment: bool = True,
) -> Batch:
    """Lessons with at most so many questions each, drawn by the weights of their tasks' types."""
    batch = Batch([], [], [], [], [], [])
    for place, heard in enumerate(lessons):
        clips = heard.clips()
        if augment:
            for clip in clips:
                _hide(draw, clip.mel)
        batch.clips.append(Query([], [], clips))
        batch.texts.append(heard.text)
        rows = tuple(clip.length.rows for clip in clips)
        for question in _chosen(draw, heard.questions, questions, weights):
            prompt, answer = texts.prompt(question.prompt, rows), texts.answer(question.answer)
            batch.ids.append([*prompt.ids, *answer])
            batch.starts.append(prompt.starts)
            batch.answers.append(len(answer))
            batch.lesson.append(place)
    return batch


def _chosen(
    draw: np.random.Generator, asked: Sequence[Question], most: int, weights: Mapping[str, float]
) -> list[Question]:
    shares = np.array([weights.get(question.type, 1.0) for question in asked])
    number = min(most, int((shares > 0).sum()))
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


class Letters(nn.Module):
    """CTC over the letters of what is said (Graves et al. 2006), on the encoder's last layer: 20 ms a step."""

    def __init__(self, network: Network, alphabet: str):
        super().__init__()
        self.alphabet = alphabet
        self.numbers = {letter: number + 1 for number, letter in enumerate(alphabet)}
        """0 is the blank."""
        self.head = nn.Linear(network.architecture.audio_size, len(alphabet) + 1)
        self._states: list[Tensor] = []
        network.audio.layers[-1].register_forward_hook(lambda module, given, result: self._keep(result))

    def _keep(self, states: Tensor) -> None:
        self._states = [states]

    def loss(self, batch: Batch) -> Tensor:
        """Mean over the batch's lessons with a text, a letter; after the network has heard the batch's clips."""
        states = self._states.pop()
        row, rows, frames, targets = 0, [], [], []
        for query, text in zip(batch.clips, batch.texts, strict=True):
            letters = [self.numbers[letter] for letter in text if letter in self.numbers]
            if letters and len(query.clips) == 1:
                rows.append(row)
                frames.append(query.clips[0].length.frames)
                targets.append(torch.tensor(letters))
            row += len(query.clips)
        if not rows:
            return states.sum() * 0
        said = self.head(states[rows]).log_softmax(dim=-1).transpose(0, 1)
        lengths = torch.tensor([len(target) for target in targets])
        return F.ctc_loss(said, torch.cat(targets), torch.tensor(frames), lengths, zero_infinity=True)


def answer_loss(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each question, a token of its answer, shape = (questions,), and the share of the answer's
    tokens that come out first, shape = (questions,). Each lesson is heard once for all its questions."""
    spans = network.hear(batch.clips)
    order = sorted(range(len(batch.ids)), key=lambda row: len(batch.ids[row]))
    half = len(order) // 2  # short prompts apart from long ones: less padding
    losses, shares = torch.zeros(len(order)), torch.zeros(len(order))
    for rows in (order[:half], order[half:]):
        if rows:
            place = torch.tensor(rows)
            loss, share = _answered(network, batch, spans, rows)
            losses, shares = losses.index_copy(0, place, loss), shares.index_copy(0, place, share)
    return losses, shares


def _answered(network: Network, batch: Batch, spans: list[list[Tensor]], rows: Sequence[int]) -> tuple[Tensor, Tensor]:
    """As ``answer_loss``, of some of the questions."""
    all_ids, answers = [batch.ids[row] for row in rows], [batch.answers[row] for row in rows]
    lengths = torch.tensor([len(ids) for ids in all_ids])
    longest = int(lengths.max())
    padding = longest - lengths
    columns = torch.arange(longest)
    mask = (columns[None, :] <= columns[:, None]) & (columns >= padding[:, None])[:, None, :]
    mask.diagonal(dim1=1, dim2=2).fill_(True)  # as in decoding: padding sees itself
    positions = (columns - padding[:, None]).clamp(min=0)
    kept: list[Tensor] = []
    hook = network.layers[-1].register_forward_hook(lambda module, given, result: kept.append(result))
    try:  # the network itself gives the logits of the last token alone
        memory = Memory(network.architecture.layers, longest)
        embedded = _embedded(network, batch, spans, rows, longest)
        network(embedded, positions, network.frequencies(lengths.tolist()), mask[:, None], memory)
    finally:
        hook.remove()
    row_of = torch.tensor([row for row, size in enumerate(answers) for _ in range(size)])
    places = torch.tensor([place for size in answers for place in range(longest - size - 1, longest - 1)])
    target = torch.tensor([token for ids, size in zip(all_ids, answers, strict=True) for token in ids[-size:]])
    logits = network.lm_head(network.norm(kept[0][row_of, places]))
    each = F.cross_entropy(logits, target, reduction="none")
    right = (logits.argmax(dim=-1) == target).float()
    nothing, sizes = torch.zeros(len(rows)), torch.tensor(answers)
    return nothing.index_add(0, row_of, each) / sizes, nothing.index_add(0, row_of, right) / sizes


def _embedded(network: Network, batch: Batch, spans: list[list[Tensor]], rows: Sequence[int], longest: int) -> Tensor:
    """As ``Network.embed``, shape = (rows, longest, hidden_size), with what was heard already."""
    ids = torch.tensor([[0] * (longest - len(batch.ids[row])) + batch.ids[row] for row in rows])
    embedded = network.embed_tokens(ids)
    places, heard = [], []
    for place, row in enumerate(rows):
        for start, span in zip(batch.starts[row], spans[batch.lesson[row]], strict=True):
            first = place * longest + longest - len(batch.ids[row]) + start
            places.append(torch.arange(first, first + len(span)))
            heard.append(span)
    flat = embedded.reshape(-1, embedded.shape[-1])
    return flat.index_copy(0, torch.cat(places), torch.cat(heard)).view_as(embedded)
