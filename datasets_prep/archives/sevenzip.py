"""7z archives, through py7zr."""

from collections.abc import Collection, Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Semaphore, Thread

import py7zr
from py7zr.exceptions import ArchiveError as SevenZipError
from py7zr.io import Py7zIO, WriterFactory

from datasets_prep.archives.trees import (
    BOMB_FLOOR,
    BOMB_RATIO,
    ArchiveError,
    Tree,
    bomb,
    inside,
    refuse_doubles,
    sentences,
    without_litter,
)

AHEAD = 8
"""Files that are unpacked and not yet taken."""


class SevenZipTree(Tree):
    """A 7z archive. Its files are packed as one, so each `read` unpacks from the beginning, on a thread of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self.path = path
        with self._sentences(), py7zr.SevenZipFile(path) as archive:
            if archive.needs_password():
                raise ArchiveError(f"{self.where} is encrypted")
            total = 0
            for entry in archive.files:
                name = inside(entry.filename, self.where)
                if entry.is_directory:
                    continue
                if entry.is_symlink or entry.is_junction or entry.is_socket:
                    raise ArchiveError(f"{self.where} holds {name}, which is a link or device: not unpacked")
                total += entry.uncompressed
                if total > BOMB_FLOOR + BOMB_RATIO * path.stat().st_size:
                    raise bomb(f"{name} in {self.where}")
                self.names.append(name)
        refuse_doubles(self.names, self.where)
        self.names = without_litter(self.names)

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        files = _Files()
        thread = Thread(target=self._unpack, args=(set(names), files), daemon=True)
        thread.start()
        try:
            with self._sentences():
                yield from files
        finally:
            files.close()
            thread.join()

    def _unpack(self, names: set[str], files: "_Files") -> None:
        try:
            with py7zr.SevenZipFile(self.path) as archive:
                targets = [name for name in archive.namelist() if inside(name, self.where) in names]
                archive.extract(targets=targets, factory=files)
            files.queue.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the files are taken
            files.queue.put(error)

    def _sentences(self):  # type: ignore[no-untyped-def]
        return sentences(self.where, (SevenZipError, AssertionError, KeyError, TypeError))


class _Files(WriterFactory):
    """Takes what py7zr unpacks, a file at a time, a few of them ahead of who iterates."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[tuple[str, bytes] | BaseException | None] = SimpleQueue()
        self.free = Semaphore(AHEAD)
        self.closed = False

    def create(self, filename: str) -> "_File":
        self.free.acquire()
        if self.closed:
            raise InterruptedError("nobody takes the files")
        return _File(filename, self)

    def close(self) -> None:
        """Whoever iterated has gone: the next file ends the unpacking."""
        self.closed = True
        self.free.release()

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        while (found := self.queue.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found
            self.free.release()


class _File(Py7zIO):
    """One file while it is unpacked."""

    def __init__(self, name: str, files: _Files) -> None:
        self.name = name
        self.files = files
        self.data = bytearray()

    def write(self, s: bytes | bytearray) -> int:
        self.data += s
        return len(s)

    def read(self, size: int | None = None) -> bytes:
        return bytes(self.data[:size])

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset

    def flush(self) -> None:
        return

    def size(self) -> int:
        return len(self.data)

    def close(self) -> None:
        self.files.queue.put((str(self.name), bytes(self.data)))
