"""Zip archives, whole or split."""

import io
import stat
import zipfile
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from datasets_prep.archives import splitzip
from datasets_prep.archives.tars import read_nested
from datasets_prep.archives.trees import (
    BOMB_FLOOR,
    BOMB_RATIO,
    ArchiveError,
    Tree,
    bomb,
    inside,
    is_in,
    refuse_doubles,
    sentences,
    without_litter,
)


class ZipTree(Tree):
    """A zip archive, whole or split."""

    def __init__(self, path: Path, nested: Sequence[str] = ()) -> None:
        """``nested``: how the names of members end that are tar archives."""
        super().__init__(path.name)
        self.within: dict[str, set[str]] = {}
        self.parts = zip_parts(path)
        sizes = [part.stat().st_size for part in self.parts]
        self.size, self.starts = sum(sizes), list(accumulate(sizes, initial=0))
        with sentences(self.where):
            self.file: io.BufferedReader = splitzip.join(self.parts) if len(self.parts) > 1 else path.open("rb")
            try:
                self.zip = zipfile.ZipFile(self.file)
                entries = [(self._checked_entry(entry), entry) for entry in self.zip.infolist()]
            except BaseException:
                self.file.close()
                raise
        self.entries = {name: entry for name, entry in entries if not entry.is_dir()}
        names, total = [], 0
        for name, entry in entries:
            for file, size in [] if entry.is_dir() else self._files(name, entry, nested):
                names.append(file)
                total += size
                if total > BOMB_FLOOR + BOMB_RATIO * self.size:
                    raise bomb(f"{file} in {self.where}")
        refuse_doubles(names, self.where)
        self.names = without_litter(names)

    def _files(self, name: str, entry: zipfile.ZipInfo, nested: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Name and size of a member, or of what is in it."""
        if not is_in(name, nested):
            yield name, entry.file_size
            return
        found = self.within[name] = set()
        with sentences(self.where), self.zip.open(entry) as file:
            yield from ((inner, size) for inner, size, _ in read_nested(file, name, self.where, found))

    def _checked_entry(self, entry: zipfile.ZipInfo) -> str:
        name = inside(_text_of(entry), self.where)
        if entry.flag_bits & 1:
            raise ArchiveError(f"{self.where} holds {name}, which is encrypted")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveError(f"{self.where} holds {name}, which is a link or device: not unpacked")
        if entry.file_size > BOMB_FLOOR + BOMB_RATIO * entry.compress_size:
            raise bomb(f"{name} in {self.where}")
        return name

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        wanted = set(names)
        for name in sorted(self.entries, key=lambda name: self.entries[name].header_offset):
            part = self.parts[bisect_right(self.starts, self.entries[name].header_offset) - 1]
            if name in self.within and not wanted.isdisjoint(self.within[name]):
                with sentences(part.name), self.zip.open(self.entries[name]) as file:
                    for inner, _, content in read_nested(file, name, self.where, set()):
                        if inner in wanted:
                            yield inner, content.read()
            elif name in wanted:
                with sentences(f"{name} in {part.name}"):
                    data = self.zip.read(self.entries[name])
                yield name, data

    def close(self) -> None:
        self.zip.close()
        self.file.close()


def zip_parts(path: Path) -> list[Path]:
    """The files of a zip archive, in order: itself, or with ``name.z01``... before it, of which it is the last part.
    Raises ArchiveError for one that is missing."""
    with sentences(path.name):
        before = [path.with_suffix(f".z{number:02}") for number in range(1, splitzip.parts_before(path) + 1)]
    for part in before:
        if not part.is_file():
            raise ArchiveError(
                f"{part.name} is missing beside {path.name}, the last of {len(before) + 1} parts of a zip"
            )
    return [*before, path]


def _text_of(entry: zipfile.ZipInfo) -> str:
    """A zip's names are UTF-8 where it says so; many say nothing and mean it all the same."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename
