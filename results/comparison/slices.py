"""Slices: two systems on parts of a task, by duration, language, speaker, label, signal-to-noise or any field."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrics.randomization import Paired, paired
from results.pairs import Pair

KNOWN = ("duration", "language", "group", "label", "snr")
"""What `all` stands for, where the data have it; any other name is a field of the manifest."""
SPEAKER = "speaker"
"""Another name of `group`, where the manifest has no field of that name."""
VALUES = 20
"""Of a field whose values are names: so many of the commonest stand alone, the rest together."""
FEW = 6
"""Of a field whose values are numbers: with no more of them each stands alone, else quarters of the samples."""


@dataclass(frozen=True)
class Slice:
    """Two systems on the samples of a task that have one value of a field. Exploratory: nothing is corrected for their
    number."""

    field: str
    value: str
    result: Paired


def slices(found: Pair, about: Mapping[str, Mapping[str, Any]], fields: Sequence[str]) -> list[Slice]:
    """A pair's slices by each of the fields; none by one that has one value for all, or one
    for each.

    ``about`` is, by id, what is known of the samples: a prediction's `audio`, `fields`, `references`, `group`, and
    `subset`, `label`, `language` where the task has them.
    """
    made = []
    for field in fields:
        values = {row.id: _value(about.get(row.id, {}), field) for row in found.first}
        named = _named({name: value for name, value in values.items() if value is not None})
        order = list(dict.fromkeys(named[name] for name in _sorted(named, values)))
        if 1 < len(order) < len(named):
            made += [Slice(field, value, _part(found, {n for n, v in named.items() if v == value})) for value in order]
    return made


def _part(found: Pair, ids: set[str]) -> Paired:
    first, second = ([row for row in rows if row.id in ids] for rows in (found.first, found.second))
    if len({row.group for row in first}) == 1:  # one speaker: then samples are what may be drawn again
        first, second = ([row._replace(group=f"id {row.id}") for row in rows] for rows in (first, second))
    return paired(found.metric, first, second)


def _value(sample: Mapping[str, Any], field: str) -> Any:
    """A sample's value of a field: a text or a number; None where it has none."""
    own = sample.get("fields") or {}
    if field == "duration":
        seconds = [clip.get("seconds") for clip in sample.get("audio") or ()]
        return float(sum(seconds)) if seconds and None not in seconds else None
    if field == "group" or (field == SPEAKER and SPEAKER not in own):
        return sample.get("group")
    if field in ("subset", "label"):
        return sample.get(field)
    value = own.get(field, sample.get(field) if field == "language" else None)
    if field == "snr" and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _named(values: Mapping[str, Any]) -> dict[str, str]:
    """The name of the slice that each sample belongs to."""
    numbers = bool(values) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values.values())
    if numbers and len(set(values.values())) > FEW:
        column = np.array(list(values.values()), dtype=np.float64)
        edges = np.unique(np.quantile(column, [0, 0.25, 0.5, 0.75, 1]))
        bins = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, max(0, len(edges) - 2))
        return {
            name: f"{round(edges[place], 2):g} to {round(edges[place + 1], 2):g}"
            for name, place in zip(values, bins, strict=True)
        }
    texts = {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in values.items()}
    counted = Counter(texts.values())
    common = {value for value, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:VALUES]}
    others = f"{len(counted) - len(common)} others"
    return {name: text if text in common else others for name, text in texts.items()}


def _sorted(named: Mapping[str, str], values: Mapping[str, Any]) -> list[str]:
    """Samples so that slices come by rising number, or by falling size, the rest last."""
    if all(isinstance(values[name], int | float) for name in named):
        return sorted(named, key=lambda name: (values[name], name))
    sizes = Counter(named.values())
    texts = {str(value) for value in values.values()}
    return sorted(named, key=lambda name: (named[name] not in texts, -sizes[named[name]], named[name]))
