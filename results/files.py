"""Files of a run: written whole or not at all, and refused where they are not what they should be."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class RunError(ValueError):
    """A run directory that cannot be used as asked; one sentence."""


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step: readers see the old one or the new one, whole."""
    write_bytes(path, [text.encode()])


def write_bytes(path: Path, pieces: Iterable[bytes]) -> None:
    """As ``write_text``, piece by piece. What is no file (``/dev/stdout``, a pipe) is written to, never replaced."""
    if path.exists() and not path.is_file() and not path.is_dir():
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


def must_be(*pairs: tuple[Any, type | tuple[type, ...]]) -> None:
    """Raise TypeError where a value is not of its kind: somebody edited the file."""
    for value, kind in pairs:
        if not isinstance(value, kind):
            raise TypeError(f"{value!r} is out of place")
