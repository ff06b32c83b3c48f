"""Archives and folders as trees of named files, read and never unpacked to where a name says.

A tree is refused whole for a name that leads out of it, a link, a name that stands twice, or what unpacks to far more
than any recording does: no archive of a corpus has these.
"""

import gzip
import io
import os
import stat
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from datasets_prep import splitzip

BOMB_RATIO = 100
"""Deflate packs zeros a thousandfold, sound hardly twice."""
BOMB_FLOOR = 64 * 2**20
"""Bytes; what unpacks to fewer does no harm."""
CHUNK = 2**20
TAR_ENDINGS = (".tar.gz", ".tgz", ".tar")


class ArchiveError(ValueError):
    """An archive that cannot be read or trusted; one sentence that names it."""


class Tree(ABC):
    """Files by name."""

    def __init__(self, where: str) -> None:
        self.where = where
        """The archive or folder, for messages."""
        self.names: list[str] = []
        """In the archive's order, without those of folders."""

    @abstractmethod
    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Names and contents, in the order that is read fastest. Raises ArchiveError."""

    def table(self, name: str) -> bytes:
        """The content of one file. Raises ArchiveError where there is none of that name."""
        if name not in self.names:
            raise ArchiveError(f"{self.where} holds no {name}")
        ((_, content),) = self.read([name])
        return content

    def text(self, name: str, encoding: str = "utf-8") -> str:
        """The content of one file as text. Raises ArchiveError."""
        try:
            return self.table(name).decode(encoding)
        except UnicodeDecodeError as error:
            raise ArchiveError(f"{name} in {self.where} is no {encoding} text (byte {error.start})") from None

    def close(self) -> None:
        return


class TarTree(Tree):
    """A tar archive, packed or not: read from its beginning to its end, once for the names, once for each `read`."""

    def __init__(self, path: Path, tables: Sequence[str] = ()) -> None:
        super().__init__(path.name)
        self.path = path
        self.tables: dict[str, bytes] = {}
        limit = BOMB_FLOOR + BOMB_RATIO * path.stat().st_size
        for member, content in self._members(lambda name: name.endswith(tuple(tables)) if tables else False, limit):
            self.names.append(member)
            if content is not None:
                self.tables[member] = content
        _refuse_doubles(self.names, self.where)

    def table(self, name: str) -> bytes:
        return self.tables[name] if name in self.tables else super().table(name)

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        wanted = set(names)
        for name, content in self._members(wanted.__contains__, None):
            if content is not None:
                yield name, content

    def _members(self, wanted, limit: int | None) -> Iterator[tuple[str, bytes | None]]:  # type: ignore[no-untyped-def]
        with _sentences(self.where), _unpacked(self.path) as stream:
            total = 0
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for member in tar:
                    name = inside(member.name, self.where)
                    if member.isdir():
                        continue
                    if not member.isreg():
                        raise ArchiveError(f"{self.where} holds {name}, which is a link or device: not unpacked")
                    total += member.size
                    if limit is not None and total > limit:
                        raise _bomb(f"{name} in {self.where}")
                    file = tar.extractfile(member) if wanted(name) else None
                    yield name, file.read() if file else None
            while stream.read(CHUNK):  # to the end, where the checksum stands
                pass


class ZipTree(Tree):
    """A zip archive, whole or split."""

    def __init__(self, path: Path, parts: Sequence[Path] = ()) -> None:
        super().__init__(path.name)
        with _sentences(self.where):
            split = splitzip.is_split(path)
            if split and not parts:
                raise ArchiveError(f"{self.where} is the last part of a split zip; put its other parts beside it")
            self.file: io.BufferedReader = splitzip.join([*parts, path]) if split else path.open("rb")
            self.size = sum(part.stat().st_size for part in (*(parts if split else ()), path))
            try:
                self.zip = zipfile.ZipFile(self.file)
                entries = [(self._checked_entry(entry), entry) for entry in self.zip.infolist()]
            except BaseException:
                self.file.close()
                raise
        self.entries = {name: entry for name, entry in entries if not entry.is_dir()}
        self.names = [name for name, entry in entries if not entry.is_dir()]
        _refuse_doubles(self.names, self.where)
        total = 0
        for name, entry in self.entries.items():
            total += entry.file_size
            if total > BOMB_FLOOR + BOMB_RATIO * self.size:
                raise _bomb(f"{name} in {self.where}")

    def _checked_entry(self, entry: zipfile.ZipInfo) -> str:
        name = inside(_text_of(entry), self.where)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveError(f"{self.where} holds {name}, which is a link or device: not unpacked")
        if entry.file_size > BOMB_FLOOR + BOMB_RATIO * entry.compress_size:
            raise _bomb(f"{name} in {self.where}")
        return name

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for name in sorted(names, key=lambda name: self.entries[name].header_offset):
            with _sentences(f"{name} in {self.where}"):
                content = self.zip.read(self.entries[name])
            yield name, content

    def close(self) -> None:
        self.zip.close()
        self.file.close()


class FolderTree(Tree):
    """What an archive unpacked to; names begin as the archive's do. Links of the user's own are followed."""

    def __init__(self, folder: Path, prefix: str, only: Sequence[str] = ()) -> None:
        super().__init__(str(folder))
        walked = (Path(top, name) for top, _, names in os.walk(folder, followlinks=True) for name in names)
        found = sorted((folder / name for name in only) if only else walked)
        self.paths = {str(PurePosixPath(prefix, path.relative_to(folder).as_posix())): path for path in found}
        self.names = list(self.paths)

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            try:
                yield name, self.paths[name].read_bytes()
            except OSError as error:
                raise ArchiveError(f"{self.paths[name]} cannot be read: {error.strerror}") from None


class FileTree(Tree):
    """One file that is no archive."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path.name)
        self.path = path
        self.names = [name]

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            yield name, self.path.read_bytes()


def open_archive(path: Path, name: str, parts: Sequence[Path] = (), tables: Sequence[str] = ()) -> Tree:
    """The tree of a file that is published as ``name``. Raises ArchiveError."""
    if name.endswith(TAR_ENDINGS):
        return TarTree(path, tables)
    if name.endswith(".zip"):
        return ZipTree(path, parts)
    return FileTree(path, name)


def inside(name: str, where: str) -> str:
    """A file's name without a leading ``./``. Raises ArchiveError for one that leads out of the folder it is for."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name or (path.parts and path.parts[0].endswith(":")):
        raise ArchiveError(f"{where} holds {name!r}, which leads out of it: not unpacked")
    return str(PurePosixPath(name))


def _refuse_doubles(names: Sequence[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ArchiveError(f"{where} holds {name} twice")
        seen.add(name)


def _bomb(where: str) -> ArchiveError:
    return ArchiveError(f"{where} brings what is unpacked to more than {BOMB_RATIO} times what is packed: refused")


def _text_of(entry: zipfile.ZipInfo) -> str:
    """A zip's names are UTF-8 where it says so; many say nothing and mean it all the same."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


@contextmanager
def _unpacked(path: Path) -> Iterator[io.BufferedIOBase]:
    """The tar inside of a packed file, as a stream that knows when it was cut short."""
    if path.name.endswith((".gz", ".tgz")):
        with gzip.open(path) as packed:
            yield packed
    else:
        with path.open("rb") as plain:
            yield plain


@contextmanager
def _sentences(where: str) -> Iterator[None]:
    """What the libraries raise of a damaged archive, in one sentence."""
    try:
        yield
    except (EOFError, tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise ArchiveError(f"{where} is damaged or cut short ({reason}); get it again") from None
    except (NotImplementedError, RuntimeError) as error:  # an encrypted zip, or packed by a method that Python lacks
        raise ArchiveError(f"{where} cannot be unpacked ({error})") from None
