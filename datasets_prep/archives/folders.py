"""Folders, and single files, as trees."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from datasets_prep.archives.trees import ArchiveError, Tree, beside, is_in, without_litter


class FolderTree(Tree):
    """What an archive unpacked to; names begin as the archive's do. Links of the user's own are followed."""

    def __init__(
        self,
        folder: Path,
        prefix: str,
        only: Sequence[str] = (),
        nested: Sequence[str] = (),
        opened: Callable[[Path], Tree] | None = None,
    ) -> None:
        """``nested``: how the names of files end that are archives themselves, which ``opened`` opens."""
        super().__init__(str(folder))
        found = sorted(file for name in only or ("",) for file in _files_at(folder / name))
        self.paths = {str(PurePosixPath(prefix, path.relative_to(folder).as_posix())): path for path in found}
        self.trees: dict[str, Tree] = {}
        self.homes: dict[str, tuple[str, str]] = {}
        """Of a file in an archive: that archive's name here, and its own name there."""
        for name in without_litter(list(self.paths)):
            if opened is None or not is_in(name, nested):
                self.names.append(name)
                continue
            self.trees[name] = opened(self.paths[name])
            inner_names = {beside(name, inner): (name, inner) for inner in self.trees[name].names}
            # who unpacked it and kept it has both; what lies there is read
            self.homes |= {inner: home for inner, home in inner_names.items() if inner not in self.paths}
        self.names += self.homes

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        within: dict[str, list[str]] = {}
        for name in names:
            if name in self.homes:
                home, inner = self.homes[name]
                within.setdefault(home, []).append(inner)
                continue
            try:
                content = self.paths[name].read_bytes()
            except OSError as error:
                raise ArchiveError(f"{self.paths[name]} cannot be read: {error.strerror}") from None
            yield name, content
        for home, inner_names in within.items():
            yield from ((beside(home, inner), content) for inner, content in self.trees[home].read(inner_names))

    def records(self, name: str) -> Iterator[dict[str, Any]]:
        if name not in self.trees:
            return super().records(name)
        return self.trees[name].records(name)

    def close(self) -> None:
        for tree in self.trees.values():
            tree.close()


class FileTree(Tree):
    """One file that is no archive."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path.name)
        self.path = path
        self.names = [name]

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            yield name, self.path.read_bytes()


def _files_at(path: Path) -> Iterable[Path]:
    return _files_below(path) if path.is_dir() else [path]


def _files_below(folder: Path) -> Iterator[Path]:
    """Every file; links to folders are followed, once each. Raises ArchiveError for what cannot be listed or is no
    file."""
    seen: set[tuple[int, int]] = set()

    def refuse(error: OSError) -> None:
        raise ArchiveError(f"{error.filename} cannot be read: {error.strerror}")

    for top, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        status = Path(top).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        for name in names:
            path = Path(top, name)
            if not path.is_file():
                raise ArchiveError(f"{path} is no file: a link to nothing, a pipe or a device")
            if any("\ud800" <= sign <= "\udfff" for sign in name):
                raise ArchiveError(f"{folder} holds a file whose name is not UTF-8: {os.fsencode(name)!r}")
            yield path
