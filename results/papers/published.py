"""Published numbers: what papers and boards report, as printed (``results/published/*.yaml``), and the task, subset and
row of scores here that each belongs to (``results/published/tasks.yaml``)."""

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from metrics.base import nearest
from metrics.records import MetricSpec
from results.files import RunError

FOLDER = Path(__file__).parents[1] / "published"
PLACES = "tasks.yaml"
UNITS = {
    "%": (0.0, 100.0),
    "% errors": (0.0, math.inf),
    "share": (0.0, 1.0),
    "BLEU": (0.0, 100.0),
    "CIDEr": (0.0, 10.0),
    "SPICE": (0.0, 1.0),
    "SPIDEr": (0.0, 5.5),
    "of 5": (0.0, 5.0),
    "of 10": (0.0, 10.0),
    "of 100": (0.0, 100.0),
    "ms": (0.0, math.inf),
    "not stated": (0.0, math.inf),
    "several": (math.nan, math.nan),
}
"""Units as printed, with their lowest and highest value. `% errors` are errors by length of the reference, and may be
more than 100; `several` is a cell of several numbers, which stays a text."""


@dataclass(frozen=True)
class Row:
    """One number as it was printed."""

    model: str
    dataset: str
    split: str
    metric: str
    """As the source names it; what it is beyond its name, `unit` and `scored` say."""
    value: str
    """The digits as printed: they say to what it was rounded."""
    unit: str
    """One of UNITS."""
    source: str
    scored: str | None = None
    """How, where that is known."""
    note: str | None = None
    """Warnings, too: SUSPECT where the source contradicts itself."""
    file: str = ""
    """Where the row stands: the name in FOLDER, without its suffix."""

    @property
    def number(self) -> float | None:
        """None where the cell holds several."""
        return None if self.unit == "several" else float(self.value)

    @property
    def decimals(self) -> int:
        return len(self.value.partition(".")[2])


@dataclass(frozen=True)
class Place:
    """Where rows of a dataset and metric belong: an entry of tasks.yaml, which says what each key means."""

    dataset: str
    metric: str
    task: str
    splits: dict[str, str | None]
    row: str
    unit: str
    scale: float = 1.0
    files: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    scoring: dict[str, Any] | None = None
    asked: dict[str, Any] | None = None
    note: str | None = None

    def fits(self, row: Row) -> bool:
        return (
            (not self.files or row.file in self.files)
            and (not self.models or row.model in self.models)
            and row.split in self.splits
        )


@dataclass(frozen=True)
class Published:
    """One number of one model, in the words of this project's tasks."""

    model: str
    task: str
    """Of configs/task."""
    subset: str | None
    """None: of all subsets together."""
    metric: str
    """The row of scores of the task that computes it, or comes nearest."""
    value: float
    """In the unit of that row."""
    rounding: float
    """Half of the last digit printed, in the unit of that row."""
    row: Row
    """As printed."""
    place: Place

    @property
    def source(self) -> str:
        return self.row.source

    @property
    def note(self) -> str | None:
        return "; ".join(note for note in (self.row.note, self.place.note) if note) or None

    @property
    def scoring(self) -> MetricSpec | None:
        """How it was scored, where that is known; only then is ``metric`` known to compute the same."""
        return None if self.place.scoring is None else MetricSpec(**self.place.scoring)


@cache
def published() -> tuple[Published, ...]:
    """All that have a place here, in the order of the files."""
    return tuple(one for one in _placed() if isinstance(one, Published))


@cache
def unmapped() -> tuple[Row, ...]:
    """All that have none: computed otherwise, of another split or selection, or not said how."""
    return tuple(one for one in _placed() if isinstance(one, Row))


@cache
def rows() -> tuple[Row, ...]:
    """All, as printed, in the order of the files."""
    return tuple(row for path in sorted(FOLDER.glob("*.yaml")) if path.name != PLACES for row in read_rows(path))


def samples_of(task: str, subset: str | None) -> int | None:
    """How many samples a subset of a task has by its authors; None where they do not say, or of all together."""
    return None if subset is None else _places()[1].get(task, {}).get(subset)


def read_rows(path: Path) -> list[Row]:
    """The rows of a file. Raises RunError, which names file, line and row, for what a row may not be."""
    entries = _load(path, "CBaseLoader", "BaseLoader")  # every scalar as its text: 4.0 stays 4.0
    if not isinstance(entries, list):
        raise RunError(f"{path} is no list of rows; write one row a line: - {{model: ..., dataset: ..., ...}}")
    found = []
    for index, entry in enumerate(entries):
        if wrong := _wrong_row(entry):
            raise RunError(f"{path}, line {_line_of(path, index)}, row {index + 1}: {wrong}")
        found.append(Row(**entry, file=path.stem))
    return found


def read_places(path: Path) -> tuple[list[Place], dict[str, dict[str, int]]]:
    """The places of tasks.yaml, and counts of samples by task and subset. Raises RunError, which names the place."""
    data = _load(path, "CSafeLoader", "SafeLoader")
    if not isinstance(data, dict) or set(data) != {"samples", "places"}:
        raise RunError(f"{path}: its keys are 'samples' and 'places'")
    places = []
    for number, entry in enumerate(data["places"], 1):
        if wrong := _wrong_place(entry):
            raise RunError(f"{path}, place {number}: {wrong}")
        places.append(Place(**entry))
    return places, data["samples"]


def conflicts() -> list[tuple[str, list[Row]]]:
    """Rows that say the same twice, or not the same, of one model, dataset, split and metric: each set with the word
    `duplicate` (equal, as far as their digits tell) or `conflict`. None of them is dropped.

    Rows with a place are of one set where task, subset, row of scores and what is known of the scoring are the same, so
    that other spellings of a dataset are found too; the rest by their letters and digits, and scores of 10 by what
    stands before their brackets, in which the judge may stand.
    """
    sets: dict[tuple[Any, ...], list[tuple[Row, float, float]]] = defaultdict(list)
    for one in _placed():
        if isinstance(one, Published):
            known = one.place.scoring is not None
            key = (one.model.casefold(), one.task, one.subset, one.metric, known)
            sets[key].append((one.row, one.value, one.rounding))
        elif one.number is not None:
            metric = re.split(r"[(/,]", one.metric)[0] if one.unit == "of 10" else one.metric
            words = (one.model, one.dataset, one.split, metric)
            sets[(*map(_squashed, words), one.unit)].append((one, one.number, 0.5 * 10.0**-one.decimals))
    found = []
    for members in sets.values():
        if len(members) > 1:
            low, high = max(value - half for _, value, half in members), min(value + half for _, value, half in members)
            found.append(("duplicate" if low <= high + 1e-9 else "conflict", [row for row, _, _ in members]))
    return found


def _squashed(text: str) -> str:
    """`AIR-Bench chat` as air_bench_chat is, and ACC as accuracy."""
    word = "".join(filter(str.isalnum, text.casefold()))
    return "accuracy" if word == "acc" else word


@cache
def _placed() -> tuple[Published | Row, ...]:
    by_words: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place in _places()[0]:
        by_words[place.dataset, place.metric].append(place)
    return tuple(_in_place(row, by_words.get((row.dataset, row.metric), ())) for row in rows())


def _in_place(row: Row, places: Sequence[Place]) -> Published | Row:
    place = next((place for place in places if place.fits(row)), None)
    if place is None or row.number is None:
        return row
    if row.unit != place.unit:
        raise RunError(
            f"{FOLDER / row.file}.yaml: {row.model} on {row.dataset} {row.split} is in {row.unit!r}, and {PLACES} has "
            f"{place.unit!r} for {row.metric!r}; mend the one that is wrong"
        )
    return Published(
        model=row.model,
        task=place.task,
        subset=place.splits[row.split],
        metric=place.row,
        value=round(row.number * place.scale, 10),  # 0.579 times 100 is 57.9
        rounding=0.5 * 10.0**-row.decimals * place.scale,
        row=row,
        place=place,
    )


@cache
def _places() -> tuple[list[Place], dict[str, dict[str, int]]]:
    return read_places(FOLDER / PLACES)


def _load(path: Path, fast: str, slow: str) -> Any:
    try:
        return yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, fast, getattr(yaml, slow)))
    except yaml.YAMLError as error:
        raise RunError(f"{path} is no YAML: {' '.join(str(error).split())}") from None


def _line_of(path: Path, index: int) -> int:
    node = yaml.compose(path.read_text("utf-8"))
    return int(node.value[index].start_mark.line) + 1 if node is not None else 1


def _wrong_row(entry: Any) -> str | None:
    """What is wrong with a row, in a sentence."""
    if wrong := _wrong_keys(entry, Row, {"file"}):
        return wrong
    for key, value in entry.items():
        if not isinstance(value, str) or not value.strip():
            return f"'{key}' is {value!r}; write a text"
    if entry["unit"] not in UNITS:
        return f"no unit {entry['unit']!r}{nearest(entry['unit'], UNITS)}"
    low, high = UNITS[entry["unit"]]
    if math.isnan(low):
        return None
    try:
        value = float(entry["value"])
    except ValueError:
        return f"'value' is {entry['value']!r}; write a number, or 'unit: several'"
    return None if low <= value <= high else f"{value:g} is out of the range of {entry['unit']!r}, {low:g} to {high:g}"


KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("dataset", "metric", "task", "row", "unit", "note"), (str,)),
    **dict.fromkeys(("splits", "scoring", "asked"), (dict,)),
    **dict.fromkeys(("files", "models"), (list,)),
    "scale": (int, float),
}


def _wrong_place(entry: Any) -> str | None:
    if wrong := _wrong_keys(entry, Place, set()):
        return wrong
    for key, value in entry.items():
        if not isinstance(value, KINDS[key]) or isinstance(value, bool) or value in ("", [], {}):
            return f"'{key}' is {value!r}; write {' or '.join(kind.__name__ for kind in KINDS[key])}"
    if entry["unit"] not in UNITS:
        return f"no unit {entry['unit']!r}{nearest(entry['unit'], UNITS)}"
    if entry.get("scale", 1) <= 0:
        return f"'scale' is {entry['scale']!r}; write what is above 0"
    for key, known in (
        ("scoring", {item.name for item in fields(MetricSpec)}),
        ("asked", {"prompt", "max_new_tokens"}),
    ):
        for name in entry.get(key) or ():
            if name not in known:
                return f"unknown key {name!r} in '{key}'{nearest(name, known)}"
    return None


def _wrong_keys(entry: Any, record: type, not_asked: set[str]) -> str | None:
    if not isinstance(entry, dict):
        return f"{entry!r} is no mapping of keys and values"
    known = {item.name: item for item in fields(record) if item.name not in not_asked}
    for key in entry:
        if key not in known:
            return f"unknown key {key!r}{nearest(key, known)}"
    for key, item in known.items():
        if key not in entry and item.default is MISSING and item.default_factory is MISSING:
            return f"the key '{key}' is missing"
    return None
