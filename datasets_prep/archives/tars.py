"""Tar archives, packed or not, and those within them."""

import gzip
import tarfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, cast

from datasets_prep.archives.ahead import CHUNK, Ahead
from datasets_prep.archives.trees import (
    BOMB_FLOOR,
    BOMB_RATIO,
    ArchiveError,
    Tree,
    beside,
    bomb,
    inside,
    is_in,
    refuse_doubles,
    sentences,
    without_litter,
)

ENDINGS = (".tar.gz", ".tgz", ".tar")


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

    def __init__(self, path: Path, tables: Sequence[str] = (), nested: Sequence[str] = ()) -> None:
        """``tables``: how the names of members end that are kept; ``nested``: of those that are tar archives."""
        super().__init__(path.name)
        self.path = path
        self.nested = tuple(nested)
        self.tables: dict[str, bytes] = {}
        self.within: dict[str, set[str]] = {}
        """The names that come of each member that is an archive."""
        limit = BOMB_FLOOR + BOMB_RATIO * path.stat().st_size
        total = 0
        for name, size, file in self._members(lambda member: True):
            total += size
            if total > limit:
                raise bomb(f"{name} in {self.where}")
            self.names.append(name)
            if is_in(name, tables):
                self.tables[name] = file.read()
        refuse_doubles(self.names, self.where)
        self.names = without_litter(self.names)

    def table(self, name: str) -> bytes:
        return self.tables[name] if name in self.tables else super().table(name)

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        wanted = set(names)
        for name, _, file in self._members(lambda member: not wanted.isdisjoint(self.within[member])):
            if name in wanted:
                yield name, file.read()

    def _members(self, enter: Callable[[str], bool]) -> Iterator[tuple[str, int, IO[bytes]]]:
        """Name, bytes and content of every file, those of the archives within that are to be entered among them."""
        with sentences(self.where), self.path.open("rb") as packed:
            for name, size, file in read_tar(packed, self.path.name, self.where, ahead=True):
                if not is_in(name, self.nested):
                    yield name, size, file
                elif enter(name):
                    yield from read_nested(file, name, self.where, self.within.setdefault(name, set()))


def read_tar(stream: IO[bytes], name: str, where: str, ahead: bool = False) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, bytes and content of every file of a tar archive ``name``, in its order; the content is to be read before
    the next is asked for. ``ahead``: unpack on a thread. Raises ArchiveError, and tarfile's and gzip's own errors."""
    with (
        _unpacked(stream, name, ahead) as plain,
        tarfile.open(fileobj=plain, mode="r|", tarinfo=_StrictHeader, bufsize=CHUNK) as tar,
    ):
        for member in tar:
            member_name = inside(member.name, where)
            if member.isdir():
                continue
            if not member.isreg():
                raise ArchiveError(f"{where} holds {member_name}, which is a link or device: not unpacked")
            file = tar.extractfile(member)
            assert file is not None
            yield member_name, member.size, file
        assert tar.fileobj is not None
        while rest := tar.fileobj.read(CHUNK):  # to the end, where the packed file's checksum stands
            if rest.strip(b"\0"):
                raise tarfile.ReadError("something follows its end")


def read_nested(stream: IO[bytes], name: str, where: str, found: set[str]) -> Iterator[tuple[str, int, IO[bytes]]]:
    """The files of a tar archive that is a member, named as if it had been unpacked where it lies; ``found`` collects
    the names. Raises ArchiveError."""
    with sentences(f"{name} in {where}"):
        for inner, size, file in read_tar(stream, name, f"{name} in {where}"):
            found.add(beside(name, inner))
            yield beside(name, inner), size, file


@contextmanager
def _unpacked(stream: IO[bytes], name: str, ahead: bool) -> Iterator[IO[bytes]]:
    """The tar inside of a packed file, as a stream that knows when it was cut short."""
    if name.endswith((".gz", ".tgz")):
        with gzip.GzipFile(fileobj=stream) as plain:
            if not ahead:
                yield cast(IO[bytes], plain)
                return
            with closing(Ahead(cast(IO[bytes], plain))) as reader:
                yield cast(IO[bytes], reader)
    else:
        yield stream
