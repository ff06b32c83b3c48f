"""What every metric is made of: rows, the two kinds of metric, and the one error."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

LONGEST_OPTION = 2000
"""Characters; no setting needs more, and it stands in signatures and errors."""

_LANGUAGE = re.compile(r"[a-z]{2,3}([-_]\w+)*")


class MetricError(ValueError):
    """A scoring setting or a row that cannot be scored; the message says what, where and what to do."""

    def within(self, where: str) -> "MetricError":
        """The same error, said of `row 's1'` or `metric 'wer'`, once."""
        message = str(self)
        return self if message.startswith(where) else MetricError(f"{where}: {message}")


class Row(NamedTuple):
    """One answer beside its references, both already extracted and normalised."""

    id: str
    """The sample's id."""
    answer: str | None
    """The answer, or None when the extractor could not read one: counted wrong, never guessed."""
    references: tuple[str, ...]
    """The right answers, at least one."""
    language: str | None = None
    """Language of answer and references (`en`, `zh-CN`, ...), where it is known."""
    group: str = ""
    """Unit of resampling (speaker, dialogue, recording); the row's own id when the record has none."""
    fields: Mapping[str, Any] = MappingProxyType({})
    """The sample's other fields (question, choices, ...)."""
    rewritten: bool = False
    """Whether the extractor changed what was said."""


class Metric(ABC):
    """What the two kinds have in common; constructed once per scoring with the (normalised) label set, if any."""

    name: str
    unit: str = "%"
    higher_is_better: bool = True
    range: tuple[float, float] = (0.0, 100.0)
    """Lowest and highest value that there can be; inf where nothing bounds it."""
    options: Mapping[str, Any] = {}
    """Settings of this metric's own with their defaults, set as `metrics.ROW.options.KEY`; they go into the signature
    where they change the number."""
    right_or_wrong: bool = False
    """Whether each row it covers is right or wrong, statistics (1 or 0, 1): McNemar's test then applies."""
    right_is_best: bool = True
    """Whether answers that are all right reach the best end of `range`: not where that takes what rows may lack (each
    label of a set, four words, annotators of one mind, a score for an answer)."""
    example: str = "a"
    """A text that is a right reference and a right answer."""
    structured: bool = False
    """Whether answers are read as more than words (JSON, time stamps, numbers): no normaliser may then touch them."""
    joins_references: bool = False
    """Whether the references are labels that are right together, rather than answers each of which is."""
    empty_references: bool = False
    """Whether a reference of which its normaliser leaves nothing (`[noise]`) can be scored; else it is refused, since
    every answer of which nothing is left would be right."""
    costly_trial: bool = False
    """Whether scoring a single row costs a request or seconds; checking the settings then scores none, and `missing`
    looks for all that is needed."""
    unjudged_out: bool = False
    """Whether rows without a verdict are outside of the value and of its `n`; else they count as the lowest."""

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        self.labels = None if labels is None else tuple(dict.fromkeys(labels))
        for key, value in (options or {}).items():
            if key not in self.options:
                raise MetricError(f"metric {self.name!r} has no option {key!r}{nearest(key, self.options)}")
            if len(str(value)) > LONGEST_OPTION:
                raise MetricError(
                    f"metric {self.name!r}: the option {key!r} has more than {LONGEST_OPTION:,} characters; write less"
                )
        self.settings = {**self.options, **(options or {})}

    def missing(self) -> str | None:
        """What this machine lacks for the metric, and the cure, in a sentence; the metric then has no value, and all
        others are computed. None: nothing."""
        return None

    def check_row(self, row: Row) -> None:  # noqa: B027 - most metrics take any text
        """Raise a MetricError for references or fields that cannot be scored. Called before any model work, when there
        is no answer yet."""

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        """More than a number, JSON-able, for reports: a confusion matrix, a value a class. Kept in scores.json."""
        return None

    def covers(self, row: Row) -> bool:
        """Whether a row takes part; one that does not is outside of the value, its interval and its `n`."""
        return True

    def unjudged(self, rows: Sequence[Row]) -> int | None:
        """How many of the rows got no verdict, asked after they were measured; None where a metric always has one."""
        return None

    @abstractmethod
    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        """What decides the number apart from extractor, normaliser and language: `{"tok": "word", ...}`, in order."""


class SumMetric(Metric):
    """A metric of summed statistics: corpus WER, BLEU, accuracy. Resampling it costs one vector a draw."""

    @abstractmethod
    def statistics(self, row: Row) -> Sequence[float]:
        """Statistics of one row, shape = (n_statistics,), the same length for every row."""

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        """Statistics of all rows, shape = (n_rows, n_statistics): overridden where a row's depend on the others (the
        document frequencies of CIDEr) or come cheaper together (one start of Java)."""
        return np.array([self.statistics(row) for row in rows], dtype=np.float64)

    @abstractmethod
    def score(self, summed: np.ndarray) -> float:
        """The value for summed statistics, shape = (n_statistics,); rates in percent, nan where undefined."""

    def scores(self, sums: np.ndarray) -> np.ndarray:
        """`score` of each row of sums, shape = (n, n_statistics) -> (n,): overridden where numpy does it at once, with
        the same numbers to the last digit."""
        return np.array([self.score(summed) for summed in sums], dtype=np.float64)


class SetMetric(Metric):
    """A metric of the rows as a set: macro-F1, mAP, EER. Rows are encoded once, then weighted per draw."""

    def encode(self, rows: Sequence[Row]) -> Any:
        """What `score` needs of the rows, computed once."""
        return rows

    @abstractmethod
    def score(self, encoded: Any, weights: np.ndarray) -> float:
        """The value where row i counts `weights[i]` times, shape = (n_rows,); nan where undefined."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The tail of an error about an unknown name: `; did you mean 'wer'?`, or the known names when none is near."""
    names = sorted(known)
    folded = {known_name.casefold(): known_name for known_name in names}
    close = get_close_matches(str(name).casefold(), list(folded), n=1, cutoff=0.5)
    if close:
        return f"; did you mean {folded[close[0]]!r}?"
    return f"; known: {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}" if names else ""


def exactly(number: float) -> str:
    """A number as short as it can be told from all others, for signatures: 0.25, 1e-05, 0.3333333."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def several(rows: Iterable[Row], which: str) -> dict[str, str]:
    """The part of a signature that says which of several references counts; nothing where each row has one."""
    return {"refs": which} if any(len(row.references) > 1 for row in rows) else {}


def check_language(language: Any) -> None:
    """Raise a MetricError unless a language is its code, or not known (None)."""
    if language is not None and not (isinstance(language, str) and _LANGUAGE.fullmatch(language)):
        raise MetricError(f"'language' is {language!r}; write its code, such as 'en' or 'zh-CN'")


def primary_language(language: str | None) -> str | None:
    """The primary subtag, lower case, Mandarin under its usual name: `zh-CN`, `zh_TW`, `cmn` -> `zh`; None stays."""
    if not language:
        return None
    primary = language.replace("_", "-").split("-")[0].strip().lower()
    return "zh" if primary == "cmn" else primary
