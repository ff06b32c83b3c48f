"""Edits of TER: insertions, deletions, substitutions and shifts of words, the same numbers as sacreBLEU's.

sacreBLEU's search (`lib_ter.py`, after Tercom) tries one shift after the other in Python, on tables that grow with the
square of a text. Here all shifts of a round are tried together, and none of a round that sacreBLEU throws away.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

LONGEST = 10  # words of a shift
FARTHEST = 50  # places that a shift may go
BEAM = 25  # places on either side of the diagonal that an alignment may go
CANDIDATES = 1000  # shifts tried for a sentence; the round that reaches them counts for nothing
CELLS = 4_000_000  # of words held at a time

_FAR = 1 << 30  # the cost of what lies outside of the beam
_SAME, _CHANGED, _LEFT_OUT, _PUT_IN = range(4)


class Shift(NamedTuple):
    """Words of the answer from `start` on, `length` of them, to before place `target`."""

    start: int
    length: int
    target: int

    def moved(self, words: np.ndarray) -> np.ndarray:
        """The words after it; a target within the words moved counts from behind them, as in sacreBLEU."""
        start, end, target = self.start, self.start + self.length, self.target
        if target < start:
            parts = words[:target], words[start:end], words[target:start], words[end:]
        else:
            until = target if target > end else target + self.length
            parts = words[:start], words[end:until], words[start:end], words[until:]
        return np.concatenate(parts)


def edits_with_shifts(answer: Sequence[str], reference: Sequence[str]) -> int:
    """The edits that turn an answer into the reference, each shift of some words being one."""
    if not answer or not reference or list(answer) == list(reference):
        return abs(len(answer) - len(reference))
    numbers = {word: number for number, word in enumerate(dict.fromkeys((*reference, *answer)))}
    said, right = (np.array([numbers[word] for word in words]) for words in (answer, reference))
    tried, shifts = 0, 0
    while True:
        steps, cost = _aligned(said, right)
        found = _candidates(said, right, steps, CANDIDATES - tried)
        tried += len(found)
        if not found or tried >= CANDIDATES:
            return shifts + cost
        gains = cost - _costs(said, right, found)
        gain, _, _, _, best = max(
            (int(gain), shift.length, -shift.start, -shift.target, shift)
            for gain, shift in zip(gains, found, strict=True)
        )
        if gain <= 0:
            return shifts + cost
        said, shifts = best.moved(said), shifts + 1


def _candidates(said: np.ndarray, right: np.ndarray, steps: Sequence[int], most: int) -> list[Shift]:
    """The shifts worth trying, in sacreBLEU's order, until there are `most`: of words found elsewhere in the reference,
    where an alignment has answer and reference wrong."""
    places, wrong_said, wrong_right = _places(steps)
    found: list[Shift] = []
    for start, there, length in _runs(said.tolist(), right.tolist()):
        if not any(wrong_said[start : start + length]) or not any(wrong_right[there : there + length]):
            continue
        if start <= places[there] < start + length:
            continue
        targets = [0 if place < 0 else places[place] + 1 for place in range(there - 1, min(there + length, len(right)))]
        found += [
            Shift(start, length, target)
            for target, before in zip(targets, [None, *targets], strict=False)
            if target != before
        ]
        if len(found) >= most:
            break
    return found


def _runs(said: Sequence[int], right: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Equal words of answer and reference, up to LONGEST in a row and at most FARTHEST apart: starts, length."""
    places: dict[int, list[int]] = {}
    for there, word in enumerate(right):
        places.setdefault(word, []).append(there)
    for start, word in enumerate(said):
        starts = places.get(word, [])
        for there in starts[bisect_left(starts, start - FARTHEST) : bisect_left(starts, start + FARTHEST + 1)]:
            for length in range(1, min(LONGEST, len(said) - start, len(right) - there) + 1):
                if said[start + length - 1] != right[there + length - 1]:
                    break
                yield start, there, length


def _places(steps: Sequence[int]) -> tuple[list[int], list[bool], list[bool]]:
    """Of an alignment: the answer's place for each word of the reference, and which words of either are wrong."""
    places: list[int] = []
    wrong_said: list[bool] = []
    wrong_right: list[bool] = []
    for step in steps:
        if step != _PUT_IN:
            wrong_said.append(step != _SAME)
        if step != _LEFT_OUT:
            places.append(len(wrong_said) - 1)
            wrong_right.append(step != _SAME)
    return places, wrong_said, wrong_right


def _beams(n_said: int, n_right: int) -> list[tuple[int, int]]:
    """For each beginning of the answer, the beginnings of the reference, from and up to, that it is aligned with."""
    ratio = n_right / n_said
    beam = BEAM if ratio / 2 <= BEAM else int(np.ceil(ratio / 2 + BEAM))
    middles = [int(row * ratio) for row in range(1, n_said + 1)]
    beams = [(max(0, middle - beam), min(n_right + 1, middle + beam)) for middle in middles]
    return [(0, n_right + 1), *beams[:-1], (beams[-1][0], n_right + 1)]


def _rows(said: np.ndarray, right: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The table of alignment, row by row within the beam, of n answers as long as each other, shape = (n, n_said).

    Yields costs, shape = (n, width), and what they are by way of the diagonal and from above, likewise.
    """
    n, n_said = said.shape
    beams, padded = _beams(n_said, len(right)), np.concatenate([[-1], right])
    before = np.broadcast_to(np.arange(len(right) + 1, dtype=np.int32), (n, len(right) + 1))
    for row, ((was_low, was_high), (low, high)) in enumerate(pairwise(beams)):
        window = np.full((n, high - low + 1), _FAR, dtype=np.int32)  # the row before, from place low - 1 on
        first, last = max(low - 1, was_low), min(high, was_high)
        window[:, first - low + 1 : last - low + 1] = before[:, first - was_low : last - was_low]
        diagonal, above = window[:, :-1] + (said[:, row, np.newaxis] != padded[low:high]), window[:, 1:] + 1
        columns = np.arange(high - low, dtype=np.int32)
        before = np.minimum.accumulate(np.minimum(diagonal, above) - columns, axis=1) + columns
        yield before, diagonal, above


def _costs(said: np.ndarray, right: np.ndarray, shifts: Sequence[Shift]) -> np.ndarray:
    """The edits that are left after each shift, shape = (n_shifts,)."""
    size = max(1, CELLS // len(said))
    found = []
    for first in range(0, len(shifts), size):
        rows = _rows(np.stack([shift.moved(said) for shift in shifts[first : first + size]]), right)
        *_, (costs, _, _) = rows
        found.append(costs[:, -1])
    return np.concatenate(found)


def _aligned(said: np.ndarray, right: np.ndarray) -> tuple[list[int], int]:
    """The steps of an alignment from the first word on, and its cost; where equal, a word for a word is preferred, then
    one left out."""
    beams, ways, cost = _beams(len(said), len(right)), [], 0
    for costs, diagonal, above in _rows(said[np.newaxis], right):
        way = np.where(costs == diagonal, _CHANGED, np.where(costs == above, _LEFT_OUT, _PUT_IN))
        ways.append(way[0].astype(np.uint8))
        cost = int(costs[0, -1])
    steps, row, column = [], len(said), len(right)
    while row or column:
        step = int(ways[row - 1][column - beams[row][0]]) if row else _PUT_IN
        if step == _CHANGED and said[row - 1] == right[column - 1]:
            step = _SAME
        steps.append(step)
        row, column = row - (step != _PUT_IN), column - (step != _LEFT_OUT)
    return steps[::-1], cost
