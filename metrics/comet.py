"""COMET: a trained judge of translations, where its package and a model are at hand."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SumMetric

CURE = "pip install 'alm-eval[comet]' && pip install --no-deps unbabel-comet"


class Comet(SumMetric):
    """COMET (Rei et al. 2020; 2022): the mean over sentences of a model's score of source, answer and reference.

    Statistics: the score, 1. The source text is the row's field that the option `source` names; with several
    references a sentence has the mean of its scores; a missing answer is the empty text. `model` is a name on the hub,
    which is downloaded, or a checkpoint's path. Not multiplied by 100. On a GPU where
    `gpus` is 1; the last digits may then differ.
    """

    name = "comet"
    right_is_best = False
    unit = "COMET"
    range = (-float("inf"), float("inf"))
    options = {"model": "Unbabel/wmt22-comet-da", "source": "sentence", "batch_size": 16, "gpus": 0}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        for key, default in Comet.options.items():
            value, number = self.settings[key], isinstance(default, int)
            right = type(value) is type(default) and (0 <= value <= 1e6 if number else value)
            if not right or (key == "batch_size" and not value):
                wish = "a whole number" if number else "a text"
                raise MetricError(f"option {key!r} is {value!r}; write {wish} such as {default!r}")

    def missing(self) -> str | None:
        if find_spec("comet") is None:
            return f"COMET needs the package unbabel-comet; {CURE} (its pins on numpy and transformers are older)"
        return None

    def check_row(self, row: Row) -> None:
        source = row.fields.get(self.settings["source"])
        if not isinstance(source, str):
            raise MetricError(
                f"COMET needs the source text in the field {self.settings['source']!r}, which is {source!r}; "
                f"name the field that has it as the option 'source'"
            )

    def statistics(self, row: Row) -> Sequence[float]:
        return self.table([row])[0].tolist()

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        asked = [
            {"src": row.fields.get(self.settings["source"]) or "", "mt": row.answer or "", "ref": reference}
            for row in rows
            for reference in row.references
        ]
        said = _loaded(str(self.settings["model"])).predict(
            asked, batch_size=self.settings["batch_size"], gpus=self.settings["gpus"], progress_bar=False
        )
        numbers = np.repeat(np.arange(len(rows)), [len(row.references) for row in rows])
        totals = np.bincount(numbers, np.array(said.scores, dtype=np.float64), len(rows))
        return np.stack([totals / np.bincount(numbers, minlength=len(rows)), np.ones(len(rows))], axis=1)

    def score(self, summed: np.ndarray) -> float:
        return float(summed[0]) / float(summed[1])

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        parts = {"model": str(self.settings["model"]), "src": str(self.settings["source"])}
        if any(len(row.references) > 1 for row in rows):
            parts["refs"] = "mean"
        try:
            return parts | {"comet": version("unbabel-comet")}
        except PackageNotFoundError:
            return parts


@lru_cache(maxsize=1)  # several metrics and subsets share it
def _loaded(name: str) -> Any:
    """The model of that name on the hub, or at that path."""
    from comet import download_model, load_from_checkpoint

    return load_from_checkpoint(name if Path(name).is_file() else download_model(name))


METRICS = (Comet,)
