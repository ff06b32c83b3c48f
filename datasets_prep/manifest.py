"""Manifests: JSON Lines, one sample a line. What every corpus ends in, and what every run begins with."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

RESERVED = ("id", "audio", "reference", "references", "subset", "group")
CLIP_KEYS = ("path", "start", "end", "seconds", "sha256")
"""The last two are what a preparation measured: length, and sha256 of the samples, which `verify` reads."""
MAX_SECONDS = 1e6
"""No recording is longer; a time beyond it is in another unit."""
MAX_DEPTH = 50
"""Of lists and objects within one another."""


class ManifestError(ValueError):
    """A manifest that cannot be used; one sentence that names the file, the line and the cure."""


@dataclass(frozen=True)
class Clip:
    """A stretch of a recording."""

    path: str
    """As it stands in the manifest; relative paths count from the manifest's folder."""
    start: float | None = None
    """Seconds from the beginning of the file; None is its beginning."""
    end: float | None = None
    """Seconds from the beginning of the file; None is its end."""
    seconds: float | None = None
    """Length of what is heard, as it was measured at preparation; None where it was not."""


@dataclass(frozen=True)
class Sample:
    """One question to a model: clips, the answers that count as right, and what else is known."""

    id: str
    audio: tuple[Clip, ...]
    references: tuple[str, ...]
    subset: str | None
    group: str | None
    """Speaker, dialogue or recording: the unit of resampling. None: the sample stands for itself."""
    fields: Mapping[str, Any]
    """All further keys of the line: question, choices, language, speaker..."""


@dataclass(frozen=True)
class Manifest:
    path: Path
    samples: list[Sample]
    sha256: str
    """Of the file's bytes."""

    @property
    def folder(self) -> Path:
        """Where relative audio paths count from."""
        return self.path.parent


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest.

    A line is an object with ``id``, ``audio`` (a path, a list of paths, or of ``{path, start, end}`` in seconds),
    ``reference`` (a text) or ``references`` (a list of texts); optional ``subset`` and ``group``. Further keys become
    fields. Empty lines are skipped.

    Raises ManifestError: no such file, a line that is not a JSON object, a key that is missing or of the wrong kind,
    an id that stands twice, no sample at all.
    """
    path = Path(path)
    if not path.is_file():
        raise ManifestError(f"no manifest at {path}: give a JSON Lines file, one sample a line")
    data = path.read_bytes()
    samples: list[Sample] = []
    first_line: dict[str, int] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        sample = _sample(_parse(line, where), where)
        if sample.id in first_line:
            raise ManifestError(f"{where}: the id '{sample.id}' stands already in line {first_line[sample.id]}")
        first_line[sample.id] = number
        samples.append(sample)
    if not samples:
        raise ManifestError(f"{path} holds no sample")
    return Manifest(path, samples, hashlib.sha256(data).hexdigest())


def _parse(line: bytes, where: str) -> dict[str, Any]:
    def refuse(constant: str) -> NoReturn:
        raise ManifestError(f"{where}: {constant} is not JSON; write null or leave the key out")

    try:
        record = json.loads(line.decode("utf-8-sig"), parse_constant=refuse)
    except ManifestError:
        raise
    except UnicodeError:
        raise ManifestError(f"{where}: not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ManifestError(f"{where}: not JSON ({error.msg}, column {error.colno})") from None
    except ValueError:
        raise ManifestError(f"{where}: a number of thousands of digits; write it as a text") from None
    except RecursionError:
        raise ManifestError(f"{where}: nested too deeply") from None
    _check_storable(record, where)
    if not isinstance(record, dict):
        raise ManifestError(f'{where}: a sample is an object, {{"id": ..., "audio": ..., "reference": ...}}')
    return record


def _check_storable(value: Any, where: str, depth: int = 0) -> None:
    """A line must be able to come back out of a file of predictions as it went in."""
    if depth > MAX_DEPTH:
        raise ManifestError(f"{where}: nested too deeply")
    if isinstance(value, float) and not math.isfinite(value):
        raise ManifestError(f"{where}: a number beyond all bounds is not JSON; write null or leave the key out")
    if isinstance(value, str) and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise ManifestError(f"{where}: half of a surrogate pair, \\ud800 to \\udfff, is not UTF-8 text")
    for entry in [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_storable(entry, where, depth + 1)


def _sample(record: dict[str, Any], where: str) -> Sample:
    identity = record.get("id")
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(identity, str) or not identity:
        raise ManifestError(f"{where}: 'id' must be a text that is not empty")
    return Sample(
        id=identity,
        audio=_clips(record, where),
        references=_references(record, where),
        subset=_name(record, "subset", where),
        group=_name(record, "group", where),
        fields={key: value for key, value in record.items() if key not in RESERVED},
    )


def _references(record: dict[str, Any], where: str) -> tuple[str, ...]:
    if "reference" in record and "references" in record:
        raise ManifestError(f"{where}: 'reference' and 'references' are both given; keep one")
    if "reference" in record:
        if not isinstance(record["reference"], str):
            raise ManifestError(f"{where}: 'reference' must be a text")
        return (record["reference"],)
    references = record.get("references")
    if references is None:
        near = get_close_matches("reference", [key for key in record if key not in RESERVED], 1, 0.7)
        hint = f"; it has '{near[0]}'" if near else ""
        raise ManifestError(f"{where}: no 'reference' (a text) and no 'references' (a list of texts){hint}")
    if not isinstance(references, list) or not references or not all(isinstance(text, str) for text in references):
        raise ManifestError(f"{where}: 'references' must be a list of one or more texts")
    return tuple(references)


def _clips(record: dict[str, Any], where: str) -> tuple[Clip, ...]:
    audio = record.get("audio")
    entries = audio if isinstance(audio, list) else [audio]
    if not entries:
        raise ManifestError(f"{where}: 'audio' is an empty list; name at least one recording")
    return tuple(_clip(entry, where) for entry in entries)


def _clip(entry: Any, where: str) -> Clip:
    if isinstance(entry, str) and entry:
        return Clip(entry)
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or not entry["path"]:
        raise ManifestError(f"{where}: 'audio' must be a path, a list of paths, or of {{path, start, end}}")
    for key in entry:
        if key not in CLIP_KEYS:
            raise ManifestError(f"{where}: a clip has {', '.join(CLIP_KEYS)}, not '{key}'")
    start, end = (_seconds(entry, key, where) for key in ("start", "end"))
    if end is not None and end <= (start or 0.0):
        raise ManifestError(f"{where}: the clip ends at {end:g} s, not after its start at {start or 0.0:g} s")
    return Clip(entry["path"], start, end, _seconds(entry, "seconds", where))


def _seconds(entry: dict[str, Any], key: str, where: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SECONDS:
        raise ManifestError(f"{where}: '{key}' must be seconds, a number from 0 to {MAX_SECONDS:,.0f}")
    return float(value)


def _name(record: dict[str, Any], key: str, where: str) -> str | None:
    value = record.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise ManifestError(f"{where}: '{key}' must be a text")
    return value
