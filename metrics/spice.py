"""SPICE, and SPIDEr, which needs it: the Java program of pycocoevalcap with CoreNLP 3.6.0, which has to be fetched."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metrics import java
from metrics.base import MetricError, Row
from metrics.captions import CaptionMetric, CiderD

JARS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")
ARCHIVE = "https://nlp.stanford.edu/software/stanford-corenlp-full-2015-12-09.zip"


class Spice(CaptionMetric):
    """SPICE (Anderson et al. 2016): F of the propositions of answer and references, mean over captions; 0 to 1.

    Option `corenlp`: the folder with the two jars of CoreNLP 3.6.0; by default `spice/lib` of the installed
    pycocoevalcap, into which that package itself loads them. Tokens go in, as coco-caption does it. A caption for which
    the program gives no F makes coco-caption's mean undefined; here it is unjudged, outside of the value and of `n`.
    Statistics: F, 1; 0, 0 where there is no F.
    """

    name = "spice"
    right_is_best = False
    unit = "SPICE"
    range = (0.0, 1.0)
    options = {"corenlp": None}
    unjudged_out = True

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        if not isinstance(self.settings["corenlp"], str | None):
            raise MetricError(f"the option 'corenlp' is {self.settings['corenlp']!r}; write the path of a folder")

    def missing(self) -> str | None:
        if java.find_java() is None:
            return (
                f"{self.unit} needs SPICE, a Java program, and no Java is found in JAVA_HOME or on PATH; {java.INSTALL}"
            )
        corenlp = self.settings["corenlp"]
        folder = java.corenlp_folder(corenlp)
        absent = [jar for jar in JARS if not (folder / jar).is_file()]
        if not absent:
            return None
        where = "spice/lib of the installed pycocoevalcap" if corenlp is None else repr(corenlp)
        return (
            f"{self.unit} needs {' and '.join(absent)}, not found in {where}; take them from {ARCHIVE} and put them "
            "there, or name their folder: metrics.ROW.options.corenlp=FOLDER"
        )

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        return np.array([(0.0, 0.0) if math.isnan(f) else (f, 1.0) for f in self._f(rows)], dtype=np.float64)

    def score(self, summed: np.ndarray) -> float:
        return float(summed[0]) / float(summed[1]) if summed[1] else float("nan")

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        """How many rows have no F."""
        return {"rows_without_f": self.unjudged(rows)}

    def unjudged(self, rows: Sequence[Row]) -> int:
        return sum(map(math.isnan, self._f(rows)))

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {**super().signature_parts(rows), "agg": "mean", "spice": "1.0", "corenlp": "3.6.0"}

    def _f(self, rows: Sequence[Row]) -> list[float]:
        return java.spice(java.find_java() or "java", self.settings["corenlp"])(self.captions(rows))


class Spider(Spice):
    """SPIDEr (Liu et al. 2017): the mean of CIDEr-D and SPICE; 0 to 5.5. `n` counts all rows, of which SPICE leaves out
    the unjudged ones. Statistics: theirs."""

    name = "spider"
    unit = "SPIDEr"
    range = (0.0, 5.5)
    unjudged_out = False

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        return np.hstack([CiderD().table(rows), super().table(rows)])

    def score(self, summed: np.ndarray) -> float:
        return (CiderD().score(summed[:2]) + super().score(summed[2:])) / 2

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        """CIDEr-D's and SPICE's."""
        return {**(CiderD().details(rows) or {}), **(super().details(rows) or {})}

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {**CiderD().signature_parts(rows), **super().signature_parts(rows)}


METRICS = (Spice, Spider)
