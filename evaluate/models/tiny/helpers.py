"""What helps the encoder while it is trained, and is left behind: it is asked directly for what the answers need.

The states of its last layer say the letters of what is said (CTC, Graves et al. 2006; 20 ms a step) and, over the whole
clip, the answers of the tasks that have few. Its rows, which the decoder reads, say the pieces of the vocabulary, by
the very embeddings that the decoder has of them.
"""

from collections import defaultdict
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from evaluate.models.qwen_audio.network import Network
from evaluate.models.tiny.objective import Batch, Texts
from evaluate.models.tiny.pool import Heard

FEW = 128
"""Answers of a task, at most."""


class Helpers(nn.Module):
    """Heads on what a network's encoder computes; ``losses`` after each time that it has heard a batch."""

    def __init__(self, network: Network, texts: Texts, pool: Sequence[Heard]):
        super().__init__()
        self.texts = texts
        alphabet = sorted({letter for heard in pool for letter in heard.text})
        self.numbers = {letter: number for number, letter in enumerate(alphabet, 1)}
        """0 is the blank, here and among the pieces."""
        self.places = facts(pool)
        size, hidden = network.architecture.audio_size, network.architecture.hidden_size
        self.letters = nn.Linear(size, len(alphabet) + 1)
        self.facts = nn.Linear(2 * size, 1 + max((places.stop for places, _ in self.places.values()), default=0))
        self.norm_states, self.norm = nn.LayerNorm(size), nn.LayerNorm(hidden)
        self.blank = nn.Parameter(torch.zeros(1, hidden))
        nn.init.constant_(self.norm.weight, 0.1)
        self._table = lambda: network.embed_tokens.weight[: len(texts.ranks)]  # the network's own, and trained there
        self._states: list[Tensor] = []
        self._rows: list[Tensor] = []
        network.audio.layers[-1].register_forward_hook(lambda module, given, result: self._keep(self._states, result))
        network.audio.proj.register_forward_hook(lambda module, given, result: self._keep(self._rows, result))

    @staticmethod
    def _keep(place: list[Tensor], result: Tensor) -> None:
        place[:] = [result]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """``letters`` and ``pieces`` a letter and a piece, ``facts`` a fact; of the lessons of one clip."""
        states, heard = self.norm_states(self._states.pop()), self._rows.pop()
        lessons, rows, row = [], [], 0
        for number, query in enumerate(batch.clips):
            if len(query.clips) == 1:
                lessons.append(number)
                rows.append(row)
            row += len(query.clips)
        lengths = [batch.clips[lesson].clips[0].length for lesson in lessons]
        texts = [batch.texts[lesson] for lesson in lessons]
        frames, spoken = [length.frames for length in lengths], [length.rows for length in lengths]
        letters = [[self.numbers[letter] for letter in text if letter in self.numbers] for text in texts]
        pieces = [[piece + 1 for piece in self.texts.answer(text)[:-1]] if text else [] for text in texts]
        table = torch.cat((self.blank, self._table()))
        return {
            "letters": _ctc(self.letters(states[rows]), frames, letters),
            "pieces": _ctc(self.norm(heard[rows]) @ table.T, spoken, pieces),
            "facts": self._facts(states[rows], frames, [batch.answers[lesson] for lesson in lessons]),
        }

    def _facts(self, states: Tensor, frames: Sequence[int], told: Sequence[Sequence[tuple[str, str]]]) -> Tensor:
        own = (torch.arange(states.shape[1]) < torch.tensor(frames)[:, None])[:, :, None]
        mean = (states * own).sum(1) / own.sum(1)
        most = states.masked_fill(~own, float("-inf")).amax(1)
        logits = self.facts(torch.cat((mean, most), dim=1))
        by_task: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for row, answers in enumerate(told):
            for task, answer in dict(answers).items():
                if task in self.places:
                    by_task[task].append((row, self.places[task][1][answer]))
        each = []
        for task, pairs in by_task.items():
            rows, targets = zip(*pairs, strict=True)
            each.append(
                F.cross_entropy(logits[list(rows), self.places[task][0]], torch.tensor(targets), reduction="none")
            )
        return torch.cat(each).mean() if each else states.sum() * 0


def facts(pool: Sequence[Heard]) -> dict[str, tuple[slice, dict[str, int]]]:
    """By task that asks always the same and has few answers: where these stand among all, and the place of each."""
    prompts, answers = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for heard in pool:
        for question in heard.questions:
            prompts[question.task].add(question.prompt)
            answers[question.task].add(question.answer)
    found, end = {}, 0
    for task in sorted(prompts):
        if len(prompts[task]) == 1 and 1 < len(answers[task]) <= FEW:
            places = {answer: number for number, answer in enumerate(sorted(answers[task]))}
            found[task] = (slice(end, end + len(places)), places)
            end += len(places)
    return found


def _ctc(logits: Tensor, lengths: Sequence[int], targets: Sequence[Sequence[int]]) -> Tensor:
    """Mean over the rows that have a target, a token of it. ``logits``: shape = (rows, steps, tokens)."""
    there = [row for row, target in enumerate(targets) if target]
    if not there:
        return logits.sum() * 0
    said = logits[there].log_softmax(dim=-1).transpose(0, 1)
    sizes = torch.tensor([len(targets[row]) for row in there])
    steps = torch.tensor([lengths[row] for row in there])
    tokens = torch.tensor([token for row in there for token in targets[row]])
    return F.ctc_loss(said, tokens, steps, sizes, zero_infinity=True)
