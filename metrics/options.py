"""Multiple choice as benchmarks' own scorers count it, from the words of an answer; field `choices`: the options."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metrics.base import Row, SumMetric

_WORD = re.compile(r"\b\w+\b")


class WordSetMatch(SumMetric):
    """Share of answers that MMAU's scorer takes for right, in percent (Sakshi et al. 2024; MMAR scores so too).

    All words of the reference stand in the answer, and no word of a wrong option that the reference lacks; words are
    compared as sets, in lower case. Kept: an answer that mentions another option is wrong, whatever it says of it, and
    so is a letter alone; an option whose words the reference has all (`dog` beside `big dog`) rules nothing out. The
    signature says whether all rows have options: without any, only the first condition is left.
    """

    name = "word_set_match"
    right_or_wrong = True
    right_is_best = False

    def statistics(self, row: Row) -> Sequence[float]:
        said = words(row.answer or "")
        return float(any(_matches(said, words(text), options_of(row.fields)) for text in row.references)), 1.0

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1])

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        given = sum(bool(options_of(row.fields)) for row in rows)
        return {"match": "mmau.words", "options": "all" if given == len(rows) else "some" if given else "none"}


def words(text: str) -> set[str]:
    """The words of a text in lower case."""
    return set(_WORD.findall(text.lower()))


def options_of(fields: Mapping[str, Any]) -> list[str]:
    """The options of a question: a list, or the texts of letters."""
    choices = fields.get("choices")
    if isinstance(choices, Mapping):
        choices = list(choices.values())
    return [str(choice) for choice in choices] if isinstance(choices, list) else []


def _matches(said: set[str], right: set[str], options: Sequence[str]) -> bool:
    wrong = set().union(*(words(option) - right for option in options))
    return bool(said) and right <= said and said.isdisjoint(wrong)


METRICS = (WordSetMatch,)
