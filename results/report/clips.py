"""Clips: where the audio of samples is, and the few that a page carries in itself."""

import base64
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

RATE = 16_000
"""Hz of what is embedded: what models hear, one channel."""
LONGEST = 120.0
"""Seconds of a clip that are embedded; the page says where there is more."""
MOST = 48 * 2**20
"""Bytes of all embedded clips together; beyond, they are links."""


@dataclass
class Folders:
    """Where clips may lie: the first folder that has a file counts."""

    candidates: list[Path]
    output: Path
    """The folder of the page, from which links count."""

    def place(self, path: str) -> int | None:
        """The number of the folder that a manifest's path counts from, or None where there is no such file. An absolute
        path counts from the root."""
        if "\0" in path or any("\ud800" <= sign <= "\udfff" for sign in path):
            return None
        for number, folder in enumerate(self.all):
            if (number == 0) != path.startswith("/"):
                continue
            try:
                if os.path.isfile(f"{folder}/{path}"):  # noqa: PTH113 - a hundred thousand times
                    return number
            except OSError:
                return None
        return None

    def file(self, path: str, place: int) -> Path:
        return self.all[place] / path

    @cached_property
    def all(self) -> list[Path]:
        return [Path("/"), *self.candidates]

    @property
    def links(self) -> list[str]:
        """Of each folder the beginning of its links, ending in a slash."""
        shown = [os.path.relpath(folder, self.output) for folder in self.candidates]
        return ["file://", *(f"./{quote(folder)}/" for folder in shown)]


def folders_of(config: Mapping[str, Any], task: str, given: Sequence[Path], output: Path) -> Folders:
    """Where the clips of a task may lie: below the folders that were given, else where the run had its data."""
    settings = next(
        (entry for entry in _settings(config) if isinstance(entry, Mapping) and entry.get("name") == task), {}
    )
    corpus = settings.get("corpus") or {}
    name, manifest = str(corpus.get("name") or ""), corpus.get("manifest")
    found: list[Path] = []
    for root in given or _roots(config):
        found += [root / name, root] if name and "/" not in name and ".." not in name else [root]
    if manifest:
        found.append(Path(str(manifest)).expanduser().parent)
    return Folders(list(dict.fromkeys(folder.absolute() for folder in found)), output.absolute())


def _settings(config: Mapping[str, Any]) -> list[Any]:
    tasks = config.get("tasks")
    return [config.get("task"), *(tasks.values() if isinstance(tasks, Mapping) else ())]


def _roots(config: Mapping[str, Any]) -> list[Path]:
    data = config.get("data")
    root = data.get("root") if isinstance(data, Mapping) else None
    return [Path(str(root)).expanduser()] if root else []


@dataclass
class Embedded:
    """The clips that a page carries: each once, however many samples have it."""

    pieces: list[str] = field(default_factory=list)
    """Base64 of FLAC."""
    numbers: dict[tuple[str, float | None, float | None], int] = field(default_factory=dict)
    """Of the file, start and end."""
    notes: dict[int, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Why a file could not be embedded."""
    size: int = 0
    left: int = 0
    """Clips that were left as links, since the page had enough."""

    def add(self, file: Path, start: float | None, end: float | None) -> int | None:
        """The number of a clip, embedded if it was not; None where it cannot be, or the page has enough."""
        key = (str(file), start, end)
        if key in self.numbers:
            return self.numbers[key]
        if str(file) in self.refused:
            return None
        if self.size >= MOST:
            self.left += 1
            return None
        try:
            data, note = encoded(file, start, end)
        except ValueError as error:
            self.refused[str(file)] = str(error)
            return None
        number = self.numbers[key] = len(self.pieces)
        self.pieces.append(base64.b64encode(data).decode())
        self.size += len(self.pieces[-1])
        if note:
            self.notes[number] = note
        return number

    def remarks(self) -> list[str]:
        """A sentence each on clips that were asked for and are not carried."""
        said = []
        if self.left:
            said.append(f"{self.left} clips are links, since the page carries no more than {MOST // 2**20} MiB of them")
        if self.refused:
            why = ", ".join(sorted(set(self.refused.values())))
            said.append(f"{len(self.refused)} files of audio are links, since the page cannot carry them: {why}")
        return said


def encoded(file: Path, start: float | None, end: float | None) -> tuple[bytes, str]:
    """A stretch of a recording as FLAC of 16 kHz and one channel, at most LONGEST seconds of it; and a note where it
    was longer. Raises ValueError for what cannot be decoded."""
    import numpy as np
    import soundfile
    import soxr

    try:
        with soundfile.SoundFile(file) as sound:
            rate, begin = sound.samplerate, round((start or 0.0) * sound.samplerate)
            until = sound.frames if end is None else min(sound.frames, round(end * rate))
            sound.seek(min(begin, sound.frames))
            wanted = max(0, until - begin)
            wave = sound.read(min(wanted, round(LONGEST * rate)), dtype="float32", always_2d=True).mean(axis=1)
        if not wave.size or not np.isfinite(wave).all():
            raise ValueError("nothing to hear")
        wave = wave if rate == RATE else soxr.resample(wave, rate, RATE, "HQ")
        made = io.BytesIO()
        soundfile.write(made, np.clip(wave, -1, 1), RATE, format="FLAC", subtype="PCM_16")
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise ValueError(f"not decoded here ({type(error).__name__})") from None
    note = f"the first {LONGEST:.0f} s of {wanted / rate:.0f} s" if wanted > round(LONGEST * rate) else ""
    return made.getvalue(), note


def placed(folders: Folders, records: Sequence[Mapping[str, Any]]) -> Iterator[list[int | None]]:
    """Of each sample the folders that its clips are in."""
    for record in records:
        yield [folders.place(clip["path"]) for clip in record.get("audio") or ()]
