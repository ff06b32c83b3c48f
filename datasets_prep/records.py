"""Records of question sets and lists of clips: JSON lists, texts of cells, clips found by their names."""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from datasets_prep.archives import Tree
from datasets_prep.corpus import CorpusError, nearest
from datasets_prep.tables import read_json, with_keys

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".mp4", ".webm", ".mkv")
TIMES = re.compile(r"(?:_\d+(?:\.\d+)?)+")
"""What stands after a film's name: where the clip begins, and perhaps where it ends."""


def read_entries(tree: Tree, name: str, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place (for messages) and object of every entry of a JSON list, all of which have these keys. Raises
    CorpusError."""
    found = read_json(tree, name)
    if not isinstance(found, list):
        raise CorpusError(f"{name}: no list of objects; get it again")
    for number, record in enumerate(found, 1):
        where = f"{name}, entry {number}"
        yield where, with_keys(record, keys, where)


def text_of(value: Any, where: str) -> str:
    """A cell as a text: numbers as they are spelt, nothing as the empty text. Raises CorpusError for anything else."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise CorpusError(f"{where}: {value!r:.80} is no text")
    return str(value)


def needed(value: Any, what: str, where: str) -> str:
    """A cell's text, which must not be empty. Raises CorpusError."""
    text = text_of(value, f"{where}, '{what}'")
    if not text.strip():
        raise CorpusError(f"{where}: '{what}' is empty; get the file again")
    return text


def texts_of(value: Any, where: str) -> list[str]:
    """A list of cells as texts. Raises CorpusError for what is no list, or holds nothing."""
    if not isinstance(value, list) or not value:
        raise CorpusError(f"{where}: {value!r:.80} is no list of texts")
    return [needed(item, "a text of the list", where) for item in value]


def filled(**fields: Any) -> dict[str, Any]:
    """The fields that are not empty."""
    return {key: value for key, value in fields.items() if value not in ("", None, [])}


def compact(value: Any) -> str:
    """A structured reference."""
    return json.dumps(value, ensure_ascii=False)


def event(label: str, onset: str, offset: str, labels: Sequence[str], where: str) -> dict[str, Any]:
    """An event of a table, times in seconds. Raises CorpusError for a label that is not known and times that are
    none."""
    if label not in labels:
        raise CorpusError(f"{where}: the label {label!r} is not known{nearest(label, list(labels))}")
    try:
        start, end = float(onset), float(offset)
    except ValueError:
        raise CorpusError(f"{where}: {onset!r} and {offset!r} are no times in seconds") from None
    if not 0 <= start <= end:
        raise CorpusError(f"{where}: an event does not last from {onset} to {offset} s")
    return {"event_label": label, "onset": start, "offset": end}


def sounds(names: Sequence[str]) -> dict[str, str]:
    """Recordings by the stem of their names; of several with one stem the first."""
    found: dict[str, str] = {}
    for name in sorted(names):
        path = PurePosixPath(name)
        if path.suffix.lower() in SOUNDS:
            found.setdefault(path.stem, name)
    return dict(sorted(found.items()))


def clip_of_film(clips: Mapping[str, str], identity: str) -> str | None:
    """The clip of a YouTube film, named after it, with a Y before it, or with ``_<start>...`` after it; null: it has
    vanished, or never came. ``clips`` are those of `sounds`, which come in order."""
    for film in (identity, f"Y{identity}"):
        if film in clips:
            return clips[film]
    stems = list(clips)
    for film in (identity, f"Y{identity}"):
        for stem in stems[bisect_left(stems, f"{film}_") :]:
            if not stem.startswith(f"{film}_"):
                break
            if TIMES.fullmatch(stem, len(film)):
                return clips[stem]
    return None
