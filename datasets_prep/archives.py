"""Archives and folders as trees of named files, read and never unpacked to where a name says.

A tree is refused whole for a name that leads out of it, a link, a name that stands twice, or what unpacks to far more
than any recording does: no archive of a corpus has these.
"""

import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path, PurePosixPath

from datasets_prep import splitzip

BOMB_RATIO = 100
"""Deflate packs zeros a thousandfold, sound hardly twice."""
BOMB_FLOOR = 64 * 2**20
"""Bytes; what unpacks to fewer does no harm."""
CHUNK = 2**20
PACKING_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)
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
            return self.table(name).decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError as error:
            raise ArchiveError(f"{name} in {self.where} is no {encoding} text (byte {error.start})") from None

    def close(self) -> None:
        return


class _StrictHeader(tarfile.TarInfo):
    """A header that cannot be read is no end of the archive, as which tarfile takes it without a word."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> "_StrictHeader":
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":  # the blocks of zeros that are its end
                raise
            raise tarfile.ReadError(f"{error} after {tar.offset:,} bytes") from None


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
        self.names = _without_litter(self.names)

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
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictHeader) as tar:
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
                assert tar.fileobj is not None
                while rest := tar.fileobj.read(CHUNK):  # to the end, where the packed file's checksum stands
                    if rest.strip(b"\0"):
                        raise tarfile.ReadError("something follows its end")


class ZipTree(Tree):
    """A zip archive, whole or split."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self.parts = zip_parts(path)
        sizes = [part.stat().st_size for part in self.parts]
        self.size, self.starts = sum(sizes), list(accumulate(sizes, initial=0))
        with _sentences(self.where):
            self.file: io.BufferedReader = splitzip.join(self.parts) if len(self.parts) > 1 else path.open("rb")
            try:
                self.zip = zipfile.ZipFile(self.file)
                entries = [(self._checked_entry(entry), entry) for entry in self.zip.infolist()]
            except BaseException:
                self.file.close()
                raise
        self.entries = {name: entry for name, entry in entries if not entry.is_dir()}
        names = [name for name, entry in entries if not entry.is_dir()]
        _refuse_doubles(names, self.where)
        self.names = _without_litter(names)
        total = 0
        for name, entry in self.entries.items():
            total += entry.file_size
            if total > BOMB_FLOOR + BOMB_RATIO * self.size:
                raise _bomb(f"{name} in {self.where}")

    def _checked_entry(self, entry: zipfile.ZipInfo) -> str:
        name = inside(_text_of(entry), self.where)
        if entry.flag_bits & 1:
            raise ArchiveError(f"{self.where} holds {name}, which is encrypted")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveError(f"{self.where} holds {name}, which is a link or device: not unpacked")
        if entry.file_size > BOMB_FLOOR + BOMB_RATIO * entry.compress_size:
            raise _bomb(f"{name} in {self.where}")
        return name

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for name in sorted(names, key=lambda name: self.entries[name].header_offset):
            part = self.parts[bisect_right(self.starts, self.entries[name].header_offset) - 1]
            with _sentences(f"{name} in {part.name}"):
                content = self.zip.read(self.entries[name])
            yield name, content

    def close(self) -> None:
        self.zip.close()
        self.file.close()


class FolderTree(Tree):
    """What an archive unpacked to; names begin as the archive's do. Links of the user's own are followed."""

    def __init__(self, folder: Path, prefix: str, only: Sequence[str] = ()) -> None:
        super().__init__(str(folder))
        found = sorted((folder / name for name in only) if only else _files_below(folder))
        self.paths = {str(PurePosixPath(prefix, path.relative_to(folder).as_posix())): path for path in found}
        self.names = _without_litter(list(self.paths))

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


def zip_parts(path: Path) -> list[Path]:
    """The files of a zip archive, in order: itself, or with ``name.z01``... before it, of which it is the last part.
    Raises ArchiveError for one that is missing."""
    with _sentences(path.name):
        before = [path.with_suffix(f".z{number:02}") for number in range(1, splitzip.parts_before(path) + 1)]
    for part in before:
        if not part.is_file():
            raise ArchiveError(
                f"{part.name} is missing beside {path.name}, the last of {len(before) + 1} parts of a zip"
            )
    return [*before, path]


def open_archive(path: Path, name: str, tables: Sequence[str] = ()) -> Tree:
    """The tree of a file that is published as ``name``. Raises ArchiveError."""
    if name.endswith(TAR_ENDINGS):
        return TarTree(path, tables)
    if name.endswith(".zip"):
        return ZipTree(path)
    return FileTree(path, name)


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


def _without_litter(names: Sequence[str]) -> list[str]:
    """Without what macOS leaves behind."""
    return [name for name in names if not PurePosixPath(name).name.startswith("._") and "__MACOSX/" not in name]


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
    except ArchiveError:
        raise
    except NotImplementedError as error:  # a method of packing that Python lacks
        raise ArchiveError(f"{where} cannot be unpacked ({error})") from None
    except (EOFError, OSError, IndexError, ValueError, struct.error, tarfile.TarError, *PACKING_ERRORS) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        reason = said.splitlines()[0].rstrip(".") if said else type(error).__name__
        raise ArchiveError(f"{where} is damaged or cut short ({reason}); get it again") from None
