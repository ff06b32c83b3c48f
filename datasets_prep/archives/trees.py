"""Archives and folders as trees of named files, read and never unpacked to where a name says.

A tree is refused whole for a name that leads out of it, a link, a name that stands twice, or what unpacks to far more
than any recording does: no archive of a corpus has these.
"""

import lzma
import struct
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

BOMB_RATIO = 100
"""Deflate packs zeros a thousandfold, sound hardly twice."""
BOMB_FLOOR = 64 * 2**20
"""Bytes; what unpacks to fewer does no harm."""
DAMAGE: tuple[type[Exception], ...] = (
    EOFError, OSError, IndexError, ValueError, struct.error, tarfile.TarError, zipfile.BadZipFile, zlib.error,
    lzma.LZMAError,
)  # fmt: skip
"""What the libraries raise of a damaged archive."""


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
            text = self.table(name).decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError as error:
            raise ArchiveError(f"{name} in {self.where} is no {encoding} text (byte {error.start})") from None
        if "\0" in text:
            raise ArchiveError(f"{name} in {self.where} holds a NUL byte: it is damaged; get it again")
        return text

    def records(self, name: str) -> Iterator[dict[str, Any]]:
        """The rows of a table of the hub (parquet), a recording in it being the name of a file of this tree. Raises
        ArchiveError where there is none of that name."""
        raise ArchiveError(f"{self.where} holds no table {name}")

    def close(self) -> None:
        return


def is_in(name: str, endings: Sequence[str]) -> bool:
    """Whether a member is one of those that are archives themselves."""
    return bool(endings) and name.endswith(tuple(endings)) and not _is_litter(name)


def beside(member: str, inner: str) -> str:
    """The name of a file in an archive that is itself a member: as if it had been unpacked where it lies."""
    return str(PurePosixPath(member).parent / inner)


def without_litter(names: Sequence[str]) -> list[str]:
    return [name for name in names if not _is_litter(name)]


def _is_litter(name: str) -> bool:
    """Whether macOS left it behind, or the hub's downloader."""
    return PurePosixPath(name).name.startswith("._") or "__MACOSX/" in name or "/.cache/huggingface/" in name


def inside(name: str, where: str) -> str:
    """A file's name without a leading ``./``. Raises ArchiveError for one that leads out of the folder it is for."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name or (path.parts and path.parts[0].endswith(":")):
        raise ArchiveError(f"{where} holds {name!r}, which leads out of it: not unpacked")
    return str(PurePosixPath(name))


def refuse_doubles(names: Sequence[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ArchiveError(f"{where} holds {name} twice")
        seen.add(name)


def bomb(where: str) -> ArchiveError:
    return ArchiveError(f"{where} brings what is unpacked to more than {BOMB_RATIO} times what is packed: refused")


@contextmanager
def sentences(where: str, more: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """What the libraries raise of a damaged archive, in one sentence."""
    try:
        yield
    except ArchiveError:
        raise
    except NotImplementedError as error:  # a method of packing that Python lacks
        raise ArchiveError(f"{where} cannot be unpacked ({error})") from None
    except (*DAMAGE, *more) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        reason = said.splitlines()[0].rstrip(".") if said else type(error).__name__
        raise ArchiveError(f"{where} is damaged or cut short ({reason}); get it again") from None
