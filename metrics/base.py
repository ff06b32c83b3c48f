"""What every metric is made of: rows, the two kinds of metric, and the one error."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np


class MetricError(ValueError):
    """A scoring setting or a row that cannot be scored; the message says what, where and what to do."""


@dataclass(frozen=True)
class Row:
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
    fields: Mapping[str, Any] = field(default_factory=dict)
    """The sample's other fields (question, choices, ...)."""


class Metric(ABC):
    """What the two kinds have in common; constructed once per scoring with the (normalised) label set, if any."""

    name: str
    unit: str = "%"
    higher_is_better: bool = True

    def __init__(self, labels: Sequence[str] | None = None) -> None:
        self.labels = None if labels is None else tuple(dict.fromkeys(labels))

    def covers(self, row: Row) -> bool:
        """Whether a row takes part; one that does not is outside of the value, its interval and its `n`."""
        return True

    @abstractmethod
    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        """What decides the number apart from extractor, normaliser and language: `{"tok": "word", ...}`, in order."""


class SumMetric(Metric):
    """A metric of summed statistics: corpus WER, BLEU, accuracy. Resampling it costs one vector a draw."""

    @abstractmethod
    def statistics(self, row: Row) -> Sequence[float]:
        """Statistics of one row, shape = (n_statistics,), the same length for every row."""

    @abstractmethod
    def score(self, summed: np.ndarray) -> float:
        """The value for summed statistics, shape = (n_statistics,); rates in percent, nan where undefined."""


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


def primary_language(language: str | None) -> str | None:
    """The primary subtag, lower case, Mandarin under its usual name: `zh-CN`, `zh_TW`, `cmn` -> `zh`; None stays."""
    if not language:
        return None
    primary = language.replace("_", "-").split("-")[0].strip().lower()
    return "zh" if primary == "cmn" else primary
