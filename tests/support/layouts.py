"""Small copies of corpora in their official archives, built from the trees declared in ``tests/data/layouts``.

The bytes are the same each time. An archive's kind follows from its name: ``.tar.gz``, ``.tgz``, ``.tar``, ``.zip``
(split where ``parts`` is given), ``.7z``, ``.parquet``; else it is a plain file, or, where it has members, a folder.
A member that has members (or rows) of its own is an archive within the archive.
"""

import gzip
import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile
import yaml
import zips

TREES = Path(__file__).resolve().parents[1] / "data" / "layouts"
NAMES = sorted(
    path.stem for path in TREES.glob("*.yaml") if shutil.which("ffmpeg") or "format: MP4" not in path.read_text("utf-8")
)
"""All trees; where ffmpeg, which writes films, is not installed: all without films."""
DEEP = [
    name
    for name in NAMES
    if "\ncrowd:" in (TREES / f"{name}.yaml").read_text("utf-8")
    or "\nbase:" in (TREES / f"{name}.yaml").read_text("utf-8")
]
"""Those that are tried in every way; the others in the ways that differ from corpus to corpus."""
SUBTYPES = {"FLAC": "PCM_16", "WAV": "PCM_16", "MP3": "MPEG_LAYER_III", "NIST": "PCM_16", "OGG": "VORBIS"}
TARS = (".tar.gz", ".tgz", ".tar")
SEVEN_ZIP_STAMP = 130_000_000_000_000_000
"""In units of 100 ns since 1601."""
PACKED = (*TARS, ".zip", ".7z", ".parquet")


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
    members: tuple["Member", ...] = ()
    """Of an archive within the archive."""
    cells: tuple["Member", ...] = ()
    """The recordings of a table of the hub, named as `prepare` names them: nobody unpacks them."""


@dataclass(frozen=True)
class Archive:
    name: str
    members: tuple[Member, ...]
    parts: int = 1
    unpacked: str = ""
    """The folder, below the source, that its members lie in when somebody has unpacked it."""

    @property
    def is_folder(self) -> bool:
        """Whether its members' paths begin with its name, and nobody ever packed them."""
        return not self.name.endswith(PACKED) and self.members[0].path != self.name

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
    """The lines of each subset, sorted, with ``audio`` as ``{path, seconds}``, with ``start`` and ``end`` where a line
    has a stretch of a file, or a list of these."""
    official: dict[str, str]
    """What a refusal without --unofficial speaks of, by the form of the source; empty where nothing official is known."""
    damage: dict[str, Any] = field(default_factory=dict)
    """The places that the damages of ``damages.py`` hit."""
    crowd: dict[str, Any] = field(default_factory=dict)
    """What ``crowded`` repeats."""

    def member(self, archive: str, path: str) -> Member:
        return next(member for member in self.archives[archive].members if member.path == path)

    def clip(self, audio: dict[str, Any]) -> bytes:
        """The bytes of a recording of a manifest's line, as its archive holds them."""
        for tail in (audio["path"], "/" + Path(audio["path"]).name):
            found = {data for path, data in self.files.items() if path == tail or path.endswith("/" + tail.strip("/"))}
            if len(found) == 1:
                break
        (data,) = found
        return data

    @cached_property
    def files(self) -> dict[str, bytes]:
        """All that the archives hold, those within archives too, by path once all is unpacked."""
        return {
            str(Path(archive.unpacked, inner.path)): inner.data
            for archive in self.archives.values()
            for member in archive.members
            for inner in (
                member,
                *(replace(deep, path=beside(member.path, deep.path)) for deep in (*member.members, *member.cells)),
            )
        }


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
    if format == "MP4":
        return _mp4(wave, rate)
    file, container = io.BytesIO(), "OGG" if format == "OPUS" else format
    soundfile.write(file, wave.astype(np.float32), rate, format=container, subtype=SUBTYPES.get(format, format))
    return _numbered(file.getvalue()) if container == "OGG" else file.getvalue()


def _numbered(ogg: bytes) -> bytes:
    """An Ogg stream with the number 1, where libsndfile draws one by the clock: every page has it, and a checksum."""
    data, at = bytearray(ogg), 0
    while at < len(data):
        count = data[at + 26]
        end = at + 27 + count + sum(data[at + 27 : at + 27 + count])
        data[at + 14 : at + 18] = (1).to_bytes(4, "little")
        data[at + 22 : at + 26] = bytes(4)
        data[at + 22 : at + 26] = _ogg_checksum(data[at:end]).to_bytes(4, "little")
        at = end
    return bytes(data)


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 as Ogg has it: highest bit first, from 0, nothing inverted."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if value & 0x80000000 else value << 1
    return value


def _mp4(wave: np.ndarray, rate: int) -> bytes:
    """AAC in MP4, by the program ffmpeg."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed; it writes the films that the tests read")
    options = ["-fflags", "+bitexact", "-flags:a", "+bitexact", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"]
    raw = ["-f", "f32le", "-ar", str(rate), "-ac", str(wave.shape[1]), "-i", "pipe:"]
    return subprocess.run(
        ["ffmpeg", "-v", "error", *raw, *options, "pipe:"],
        input=wave.astype("<f4").tobytes(),
        capture_output=True,
        check=True,
    ).stdout


def beside(path: str, inner: str) -> str:
    """Where a member of an archive within an archive lies once both are unpacked in place."""
    return str(Path(path).parent / inner)


def clips_of(line: dict[str, Any]) -> list[dict[str, Any]]:
    """The recordings of a manifest's line."""
    return line["audio"] if isinstance(line["audio"], list) else [line["audio"]]


def load(name: str) -> Layout:
    """The tree declared in ``<name>.yaml``; ``base`` names another tree, whose keys hold where it has none."""
    raw = yaml.safe_load((TREES / f"{name}.yaml").read_text("utf-8"))
    if base := raw.pop("base", None):
        parent = yaml.safe_load((TREES / f"{base}.yaml").read_text("utf-8"))
        without = raw.pop("without", ())
        kept = {key: value for key, value in parent["archives"].items() if key not in without}
        raw = parent | raw | {"archives": kept | raw.get("archives", {})}
    archives = {name: _archive(name, declared) for name, declared in raw["archives"].items()}
    keys = {key: raw[key] for key in ("corpus", "manifests", "official", "damage")} | {"crowd": raw.get("crowd", {})}
    return Layout(name=name, archives=archives, **keys)


def _archive(name: str, declared: dict[str, Any]) -> Archive:
    defaults = declared.get("audio", {})
    keys = ("text", "encoding", "rows")
    rows = declared.get("members") or [{"path": name, **{k: declared[k] for k in keys if k in declared}}]
    members = tuple(_member(row, defaults) for row in rows)
    return Archive(name, members, declared.get("parts", 1), declared.get("unpacked", ""))


def _member(row: dict[str, Any], defaults: dict[str, Any]) -> Member:
    path = row["path"]
    if "text" in row:
        return Member(path, row["text"].encode(row.get("encoding", "utf-8")))
    if "seconds" in row:
        return Member(path, _sound(row, defaults))
    if "members" in row:
        members = tuple(_member(inner, defaults | row.get("audio", {})) for inner in row["members"])
        return Member(path, packed(path, members), members=members)
    if "rows" in row:
        rows = [{key: _cell(value, defaults) for key, value in cells.items()} for cells in row["rows"]]
        return Member(path, _parquet(rows), cells=tuple(_cells(Path(path).stem, rows)))
    return Member(path, kind=tarfile.DIRTYPE)


def _sound(row: dict[str, Any], defaults: dict[str, Any]) -> bytes:
    return sound(**defaults | {key: value for key, value in row.items() if key != "path"})


def _cell(value: Any, defaults: dict[str, Any]) -> Any:
    """What a table of the hub holds: a recording is its bytes and its file's name."""
    if isinstance(value, dict) and "seconds" in value:
        return {"bytes": _sound(value, defaults), "path": value.get("path")}
    return value


def _cells(stem: str, rows: list[dict[str, Any]]) -> Iterator[Member]:
    for number, row in enumerate(rows):
        for column, cell in row.items():
            if isinstance(cell, dict) and "bytes" in cell:
                yield Member(f"{stem}/{number:06}-{column}{Path(cell['path'] or '').suffix or '.wav'}", cell["bytes"])


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return file.getvalue()


def build(layout: Layout, folder: Path) -> Path:
    """Write all archives into a folder; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for archive in layout.archives.values():
        write(archive, folder)
    return folder


def write(archive: Archive, folder: Path, zip64: bool = False) -> None:
    """Write an archive's files, over those that are there."""
    if archive.is_folder:
        shutil.rmtree(folder / archive.name, ignore_errors=True)  # a member may be gone or have moved
        _lay(archive.members, folder)
        return
    parts = [packed(archive.name, archive.members)]
    if archive.name.endswith(".zip") and (archive.parts > 1 or zip64):
        entries = [_entry(member) for member in archive.members]
        several = archive.parts > 1
        parts = zips.split_zip(entries, archive.parts, zip64) if several else zips.write_zip(entries, None, zip64)
    for name, data in zip(archive.files, parts, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def packed(name: str, members: Iterable[Member]) -> bytes:
    """The bytes of an archive, or of the one file that it is."""
    members = tuple(members)
    if name.endswith(TARS):
        return _tar(members, packed=not name.endswith(".tar"))
    if name.endswith(".zip"):
        return zips.write_zip([_entry(member) for member in members], None, False)[0]
    if name.endswith(".7z"):
        return _seven_zip(members)
    return members[0].data


def _seven_zip(members: tuple[Member, ...]) -> bytes:
    import py7zr

    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w") as archive:
        for member in members:
            if member.kind == tarfile.REGTYPE:
                archive.writestr(member.data, "member")
                info = archive.header.files_info.files[-1]  # written at the end: it would refuse paths that lead out
                info["filename"] = member.path
                info["creationtime"] = info["lastwritetime"] = info["lastaccesstime"] = SEVEN_ZIP_STAMP
    return file.getvalue()


def _lay(members: Iterable[Member], folder: Path) -> None:
    for member in members:
        path = folder / member.path
        (path if member.path.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not member.path.endswith("/"):
            path.write_bytes(member.data)


def _entry(member: Member) -> zips.Entry:
    if member.kind == tarfile.SYMTYPE:
        return zips.Entry(member.path, (member.target or "").encode(), deflated=False, mode=zips.LINK)
    if member.kind == tarfile.DIRTYPE:
        return zips.Entry(member.path, b"", deflated=False, mode=0o040755)
    return zips.Entry(member.path, member.data, said_size=member.said_size)


def _tar(members: Iterable[Member], packed: bool) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            info = tarfile.TarInfo(member.path.rstrip("/"))
            info.type, info.linkname, info.size = member.kind, member.target or "", len(member.data)
            info.mode, info.mtime = (0o755 if member.kind == tarfile.DIRTYPE else 0o644), 1_400_000_000
            tar.addfile(info, io.BytesIO(member.data))
    return gzip.compress(file.getvalue(), 6, mtime=0) if packed else file.getvalue()


def unpack(layout: Layout, folder: Path) -> Path:
    """The same tree as somebody has it who unpacked every archive, and those in it, and threw them away; the folder."""
    for archive in layout.archives.values():
        for member in archive.members:
            inner = [replace(deep, path=beside(member.path, deep.path)) for deep in member.members]
            _lay(inner or [member], folder / archive.unpacked)
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
