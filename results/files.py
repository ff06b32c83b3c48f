"""Files of a run: written whole or not at all, and refused where they are not what they should be."""

import errno
import json
import math
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, NoReturn, get_args, get_origin, get_type_hints


class RunError(ValueError):
    """A run directory that cannot be used as asked; one sentence."""


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step: readers see the old one or the new one, whole."""
    write_bytes(path, [text.encode()])


def write_bytes(path: Path, pieces: Iterable[bytes]) -> None:
    """As ``write_text``, piece by piece. What is no file (``/dev/stdout``, a pipe) is written to, never replaced."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            stream.writelines(pieces)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def read_json(text: str | bytes) -> Any:
    """Read JSON in UTF-8. Raises ValueError, for what only Python takes for a number too: ``NaN``, ``Infinity``."""
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


_DECODER = json.JSONDecoder(parse_constant=_no_number)  # one for all: to make it takes as long as to read a record


def must_be(*pairs: tuple[Any, type | tuple[type, ...]]) -> None:
    """Raise TypeError where a value is not of its kind: somebody edited the file."""
    for value, kind in pairs:
        if not isinstance(value, kind):
            raise TypeError(f"{value!r} is out of place")


def must_fit(record: Any) -> None:
    """Raise TypeError where a field of a record, a dataclass, is not of the kind that it is declared to be."""
    for name, (kind, plain) in _kinds(type(record)).items():  # type: ignore[arg-type]
        if type(getattr(record, name)) not in plain and not _fits(getattr(record, name), kind):
            raise TypeError(f"{name}: {getattr(record, name)!r:.80} is out of place")


@cache
def _kinds(record: Any) -> dict[str, tuple[Any, set[Any]]]:
    """The kind of each field, and of its types those that need no look at the value."""
    parts = {name: (kind, get_args(kind) or (kind,)) for name, kind in get_type_hints(record).items()}
    plain = {str, bool, int, type(None)}
    return {
        name: (kind, plain & {*several} if get_origin(kind) in (UnionType, None) else set())
        for name, (kind, several) in parts.items()
    }


def _fits(value: Any, kind: Any) -> bool:
    of, parts = get_origin(kind) or kind, get_args(kind)
    if kind is Any:
        return True
    if of is UnionType:
        return any(_fits(value, part) for part in parts)
    if of in (int, float):
        return isinstance(value, (int, of)) and not isinstance(value, bool) and math.isfinite(value)
    if of is list and parts:
        return isinstance(value, list) and all(_fits(entry, parts[0]) for entry in value)
    if of is dict and parts:
        return isinstance(value, dict) and all(_fits(entry, parts[1]) for entry in value.values())
    return isinstance(value, of)
