"""All metrics, described: what each is, its unit, direction, range, options, and whether this machine has it."""

import inspect
import json
import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from metrics.base import Metric, MetricError, Row, SumMetric
from metrics.registry import METRICS, MODULES
from metrics.score import MetricSpec, ScoringSpec, signature
from results.leaderboard import table

_SENTENCE_END = re.compile(r"(?<!\bal)(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bcf)\.(?=\s|$)")


@dataclass(frozen=True)
class Entry:
    """One metric."""

    name: str
    meaning: str
    """The first sentence of its description."""
    unit: str
    higher_is_better: bool
    range: tuple[float | None, float | None]
    """Lowest and highest value; None where nothing bounds it."""
    options: dict[str, Any]
    """With their defaults."""
    signature: str | None
    """On its example row, with neither extractor nor normaliser; None where it is not available."""
    unavailable: str | None
    """What this machine lacks, and the cure."""


def entries() -> list[Entry]:
    """All metrics, by name."""
    return [_entry(name, METRICS[name]) for name in sorted(METRICS)]


def _entry(name: str, kind: type[Metric]) -> Entry:
    metric = kind()
    unavailable = metric.missing()
    shown = None
    if unavailable is None:
        row = Row("example", metric.example, (metric.example,))
        try:
            shown = signature(metric, [row], ScoringSpec({name: MetricSpec(name)}, name), name)
        except MetricError as error:
            unavailable = str(error)
    low, high = (float(bound) if math.isfinite(bound) else None for bound in metric.range)
    return Entry(
        name=name,
        meaning=first_sentence(inspect.getdoc(kind) or ""),
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        range=(low, high),
        options=dict(metric.options),
        signature=shown,
        unavailable=unavailable,
    )


def first_sentence(text: str) -> str:
    """The first sentence of a description's first paragraph."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    found = _SENTENCE_END.search(paragraph)
    return paragraph[: found.end()] if found else paragraph


def as_json() -> str:
    return json.dumps([asdict(entry) for entry in entries()], ensure_ascii=False, indent=1, allow_nan=False)


def as_markdown() -> str:
    header = ["metric", "unit", "better", "range", "options", "meaning", "signature"]
    return table(
        header,
        [
            [
                entry.name,
                entry.unit or "–",
                "higher ↑" if entry.higher_is_better else "lower ↓",
                " to ".join("∞" if bound is None else f"{bound:g}" for bound in _signed(entry.range)),
                ", ".join(f"{key}={_option(value)}" for key, value in entry.options.items()) or "–",
                entry.meaning,
                entry.signature or f"not available here: {entry.unavailable}",
            ]
            for entry in entries()
        ],
    )


def as_pages() -> str:
    """A section for each metric, grouped by module, in full: docs/metrics.md. The same on every machine."""
    parts = [
        "# Metrics",
        "Made by `make docs` from the code's own descriptions. *Sum* metrics add up statistics of the samples, *set* "
        "metrics look at all together; the interval of both is a bootstrap over groups (`metrics/bootstrap.py`).",
    ]
    for module in MODULES:
        parts.append(f"## {(inspect.getdoc(module) or module.__name__).splitlines()[0].rstrip('.')}")
        parts += [_page(kind) for kind in module.METRICS]
    return "\n\n".join(parts) + "\n"


def _page(kind: type[Metric]) -> str:
    metric = kind()
    bounds = " to ".join("∞" if math.isinf(bound) else f"{bound:g}" for bound in metric.range)
    facts = [
        "sum" if isinstance(metric, SumMetric) else "set",
        f"{metric.unit or 'no unit'}, {bounds}",
        "higher is better" if metric.higher_is_better else "lower is better",
        *(f"option `{key}={_option(value)}`" for key, value in metric.options.items()),
    ]
    return f"### `{kind.name}`\n\n*{'; '.join(facts)}*\n\n{inspect.getdoc(kind)}"


def _signed(bounds: tuple[float | None, float | None]) -> list[float | None]:
    low, high = bounds
    return [-math.inf if low is None else low, high]


def _option(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
