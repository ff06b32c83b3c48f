"""Small copies of corpora in their official archives, built from the trees declared in ``tests/data/layouts``.

The bytes are the same each time. An archive's kind follows from its name: ``.tar.gz``, ``.zip`` (split where ``parts``
is given), else one plain file.
"""

import gzip
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
import zips

TREES = Path(__file__).resolve().parents[1] / "data" / "layouts"
NAMES = sorted(path.stem for path in TREES.glob("*.yaml"))
SUBTYPES = {"FLAC": "PCM_16", "WAV": "PCM_16", "MP3": "MPEG_LAYER_III"}


@dataclass(frozen=True)
class Member:
    """A file of an archive; a folder where the path ends in a slash; a link where there is a target."""

    path: str
    data: bytes = b""
    target: str | None = None
    kind: bytes = tarfile.REGTYPE
    """As tar has it; a zip archive knows files, folders and symbolic links alone."""
    said_size: int | None = None
    """For zip: the size that the headers say, where it is not the true one."""


@dataclass(frozen=True)
class Archive:
    name: str
    members: tuple[Member, ...]
    parts: int = 1
    unpacked: str = ""
    """The folder, below the source, that its members lie in when somebody has unpacked it."""

    @cached_property
    def files(self) -> list[str]:
        """The names of the files that it consists of, the one that is asked for by name last."""
        stem = self.name.removesuffix(".zip")
        return [*(f"{stem}.z{number:02}" for number in range(1, self.parts)), self.name]


@dataclass(frozen=True)
class Layout:
    """A declared tree and what ``prepare`` must make of it."""

    name: str
    corpus: str
    archives: dict[str, Archive]
    manifests: dict[str, list[dict[str, Any]]]
    """The lines of each subset, sorted, with ``audio`` as ``{path, seconds}``."""
    official: dict[str, str]
    """What a refusal without --unofficial speaks of, by the form of the source; empty where nothing official is known."""
    damage: dict[str, Any] = field(default_factory=dict)
    """The places that the damages of ``damages.py`` hit."""
    crowd: dict[str, Any] = field(default_factory=dict)
    """What ``crowded`` repeats."""

    def member(self, archive: str, path: str) -> Member:
        return next(member for member in self.archives[archive].members if member.path == path)

    def clip(self, line: dict[str, Any]) -> bytes:
        """The bytes of the recording of a manifest's line, as its archive holds them."""
        tail = "/" + Path(line["audio"]["path"]).name
        found = {m.data for a in self.archives.values() for m in a.members if m.path.endswith(tail)}
        (data,) = found
        return data


@cache
def sound(seconds: float, seed: int, kind: str, rate: int, channels: int, format: str) -> bytes:
    """An encoded recording: ``noise``, or a ``tone`` whose pitch follows from the seed."""
    frames = round(seconds * rate)
    if kind == "noise":
        wave = np.random.default_rng(seed).normal(0, 0.05, (frames, channels))
    elif kind == "tone":
        time = np.arange(frames) / rate
        wave = np.stack([0.2 * np.sin(2 * np.pi * (200 + 7 * seed) * time)] * channels, axis=1)
    else:
        raise ValueError(f"no kind of sound '{kind}'")
    file = io.BytesIO()
    soundfile.write(file, wave.astype(np.float32), rate, format=format, subtype=SUBTYPES[format])
    return file.getvalue()


def load(name: str) -> Layout:
    """The tree declared in ``<name>.yaml``; ``base`` names another tree, whose keys hold where it has none."""
    raw = yaml.safe_load((TREES / f"{name}.yaml").read_text("utf-8"))
    if base := raw.pop("base", None):
        parent = yaml.safe_load((TREES / f"{base}.yaml").read_text("utf-8"))
        without = raw.pop("without", ())
        kept = {key: value for key, value in parent["archives"].items() if key not in without}
        raw = parent | raw | {"archives": kept | raw.get("archives", {})}
    archives = {name: _archive(name, declared) for name, declared in raw["archives"].items()}
    keys = {key: raw[key] for key in ("corpus", "manifests", "official", "damage", "crowd")}
    return Layout(name=name, archives=archives, **keys)


def _archive(name: str, declared: dict[str, Any]) -> Archive:
    defaults = declared.get("audio", {})
    rows = declared.get("members") or [
        {"path": name, **{k: declared[k] for k in ("text", "encoding") if k in declared}}
    ]
    members = tuple(_member(row, defaults) for row in rows)
    return Archive(name, members, declared.get("parts", 1), declared.get("unpacked", ""))


def _member(row: dict[str, Any], defaults: dict[str, Any]) -> Member:
    if "text" in row:
        return Member(row["path"], row["text"].encode(row.get("encoding", "utf-8")))
    if "seconds" in row:
        return Member(row["path"], sound(**defaults | {key: value for key, value in row.items() if key != "path"}))
    return Member(row["path"], kind=tarfile.DIRTYPE)


def build(layout: Layout, folder: Path) -> Path:
    """Write all archives into a folder; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for archive in layout.archives.values():
        write(archive, folder)
    return folder


def write(archive: Archive, folder: Path, zip64: bool = False) -> None:
    """Write an archive's files, over those that are there."""
    if archive.name.endswith(".tar.gz"):
        parts = [_tar_gz(archive.members)]
    elif archive.name.endswith(".zip"):
        entries = [_entry(member) for member in archive.members]
        parts = (
            zips.split_zip(entries, archive.parts, zip64) if archive.parts > 1 else zips.write_zip(entries, None, zip64)
        )
    else:
        parts = [member.data for member in archive.members]
    for name, data in zip(archive.files, parts, strict=True):
        (folder / name).write_bytes(data)


def _entry(member: Member) -> zips.Entry:
    if member.kind == tarfile.SYMTYPE:
        return zips.Entry(member.path, (member.target or "").encode(), deflated=False, mode=zips.LINK)
    if member.kind == tarfile.DIRTYPE:
        return zips.Entry(member.path, b"", deflated=False, mode=0o040755)
    return zips.Entry(member.path, member.data, said_size=member.said_size)


def _tar_gz(members: Iterable[Member]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            info = tarfile.TarInfo(member.path.rstrip("/"))
            info.type, info.linkname, info.size = member.kind, member.target or "", len(member.data)
            info.mode, info.mtime = (0o755 if member.kind == tarfile.DIRTYPE else 0o644), 1_400_000_000
            tar.addfile(info, io.BytesIO(member.data))
    return gzip.compress(file.getvalue(), 6, mtime=0)


def unpack(layout: Layout, folder: Path) -> Path:
    """The same tree as somebody has it who unpacked every archive and threw it away; the folder."""
    for archive in layout.archives.values():
        for member in archive.members:
            path = folder / archive.unpacked / member.path
            (path if member.path.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
            if not member.path.endswith("/"):
                path.write_bytes(member.data)
    return folder


def changed(layout: Layout, archive: str, members: Iterable[Member]) -> Layout:
    """The layout with other members in one archive."""
    return replace(
        layout, archives=layout.archives | {archive: replace(layout.archives[archive], members=tuple(members))}
    )


def without(layout: Layout, names: Iterable[str]) -> Layout:
    """The layout with fewer archives."""
    return replace(layout, archives={name: a for name, a in layout.archives.items() if name not in names})


def with_text(layout: Layout, archive: str, path: str, old: bytes, new: bytes) -> Layout:
    """The layout with a piece of one text changed; the piece must be there."""
    members = layout.archives[archive].members
    assert any(member.path == path and old in member.data for member in members), (archive, path, old)
    return changed(
        layout, archive, [replace(m, data=m.data.replace(old, new, 1)) if m.path == path else m for m in members]
    )


def crowded(layout: Layout, count: int) -> Layout:
    """The layout with so many more clips of the subset ``crowd.subset``; its manifests do not know of them."""
    crowd = layout.crowd
    data = [sound(**crowd["sound"], seed=seed) for seed in range(7)]
    clips = [Member(crowd["clip"]["path"].format(n=n), data[n % 7]) for n in range(count)]
    layout = changed(layout, crowd["clip"]["archive"], [*layout.archives[crowd["clip"]["archive"]].members, *clips])
    for text in crowd.get("texts", ()):
        added = "".join(text["line"].format(n=n) for n in range(count)).encode()  # ASCII in every tree
        path, members = text["path"], list(layout.archives[text["archive"]].members)
        if path not in [member.path for member in members]:
            members.append(Member(path))
        layout = changed(
            layout, text["archive"], [replace(m, data=m.data + added) if m.path == path else m for m in members]
        )
    return layout
