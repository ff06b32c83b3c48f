"""Rows of captions and their scores, and programs that stand for Java."""

import sys
from pathlib import Path
from typing import Any

from support import CHECKOUT

from metrics.base import Row
from metrics.bootstrap import measure
from metrics.captions import CaptionMetric
from metrics.score import METRICS, MetricSpec, Score, ScoringSpec, score

DATA = CHECKOUT / "tests/metrics/data"


BLEU = [f"caption_bleu{order}" for order in range(1, 5)]


PYTHON = [*BLEU, "rouge_l", "cider_d", "cider"]
"""The metrics that need no Java."""


def rows_of(pairs: list[tuple[str, list[str]]]) -> list[Row]:
    return [Row(f"{n:05}", answer, tuple(references), "en", f"{n}") for n, (answer, references) in enumerate(pairs)]


def value(metric: str, rows: list[Row], **options: Any) -> float | None:
    return measure(METRICS[metric](options=options), rows, draws=0)[0]


def tokens_of(rows: list[Row]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """References and answers as pycocoevalcap takes them."""
    metric = METRICS["rouge_l"]()
    assert isinstance(metric, CaptionMetric)
    found = list(zip(rows, metric.captions(rows), strict=True))
    return {row.id: list(refs) for row, (_, refs) in found}, {row.id: [answer] for row, (answer, _) in found}


def scored(pairs: list[tuple[str, list[str]]], *names: str, **options: Any) -> dict[str, Score]:
    records = [
        {
            "id": f"{n:05}",
            "raw": answer,
            "references": list(references),
            "status": "ok",
            "fields": {},
            "subset": "xy"[n % 2],
        }
        for n, (answer, references) in enumerate(pairs)
    ]
    spec = ScoringSpec({name: MetricSpec(name, options=options) for name in names}, primary=names[0])
    return {only.name: only for only in reversed(score(records, spec))}  # all rows come before the subsets


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path
