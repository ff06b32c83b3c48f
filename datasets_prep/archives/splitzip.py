"""Split zip archives (``name.z01``, ``name.z02``, ..., ``name.zip``), read as the single archive they were cut from.

The format is section 8 of PKWARE's APPNOTE: an entry of the central directory names the disk that it begins on, and
its offset there. ``join`` gives a file with all parts one after the other and a central directory whose offsets
count from the first byte, which ``zipfile`` reads.
"""

import io
import struct
import zipfile
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

ENTRY = struct.Struct("<4s4B4HL2L5H2L")
END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR64 = struct.Struct("<4sLQL")
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
END_SIGNATURE, END64_SIGNATURE, LOCATOR64_SIGNATURE, ENTRY_SIGNATURE = (
    b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02",
)  # fmt: skip


def parts_before(last: Path) -> int:
    """How many parts go before a ``.zip``: none where it is whole. Raises zipfile.BadZipFile."""
    tail = _Joined([_Piece(last, last.stat().st_size)]).tail()
    _, disk, *_ = _end(tail)
    return disk


def join(parts: Sequence[Path]) -> io.BufferedReader:
    """A file that reads as the whole archive. Raises zipfile.BadZipFile."""
    joined = _Joined([_Piece(path, path.stat().st_size) for path in parts])
    tail = joined.tail()
    at, disk, directory_disk, entries, size, offset = _end(tail)
    if disk != len(parts) - 1:
        raise zipfile.BadZipFile(f"the archive has {disk + 1} parts, not {len(parts)}")
    if FULL16 in (entries, directory_disk) or FULL32 in (size, offset):
        directory_disk, entries, size, offset = _end64(joined, tail, at)
    start = joined.absolute(directory_disk, offset)
    directory = _rewritten(joined.exactly(start, size), entries, joined)
    end = directory + _ends(entries, len(directory), start)
    return io.BufferedReader(_Joined([*joined.first(start), _Piece(end, len(end))]), 1 << 20)


class _Piece:
    """A file, or bytes."""

    def __init__(self, content: Path | bytes, size: int) -> None:
        self.content, self.size = content, size


class _Joined(io.RawIOBase):
    """Pieces one after the other."""

    def __init__(self, pieces: Sequence[_Piece]) -> None:
        self.pieces = list(pieces)
        self.starts = [0, *accumulate(piece.size for piece in self.pieces)]
        self.size = self.starts[-1]
        self.position = 0
        self.open: tuple[int, io.BufferedIOBase] | None = None

    def absolute(self, disk: int, offset: int) -> int:
        if disk >= len(self.pieces) or offset > self.size - self.starts[disk]:
            raise zipfile.BadZipFile("an entry lies outside of the archive's parts")
        return self.starts[disk] + offset

    def exactly(self, position: int, size: int) -> bytes:
        self.seek(position)
        data = bytearray()
        while len(data) < size:
            chunk = self.read(size - len(data))
            if not chunk:
                raise zipfile.BadZipFile("it is cut short")
            data += chunk
        return bytes(data)

    def tail(self) -> bytes:
        """The last bytes, which hold the end record and its zip64 locator."""
        length = min(self.size, END.size + FULL16 + LOCATOR64.size)
        return self.exactly(self.size - length, length)

    def first(self, size: int) -> list[_Piece]:
        """The pieces of the first bytes."""
        kept = []
        for piece, start in zip(self.pieces, self.starts, strict=False):
            if start < size:
                kept.append(_Piece(piece.content, min(piece.size, size - start)))
        return kept

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = max(0, base + offset)
        return self.position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self.position >= self.size or not len(buffer):
            return 0
        number = bisect_right(self.starts, self.position) - 1
        within = self.position - self.starts[number]
        count = min(len(buffer), self.pieces[number].size - within)
        file = self._file(number)
        file.seek(within)
        data = file.read(count)
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)

    def _file(self, number: int) -> io.BufferedIOBase:
        if self.open is None or self.open[0] != number:
            self._shut()
            content = self.pieces[number].content
            self.open = number, io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
        return self.open[1]

    def _shut(self) -> None:
        if self.open is not None:
            self.open[1].close()
            self.open = None

    def close(self) -> None:
        self._shut()
        super().close()


def _end(tail: bytes) -> tuple[int, int, int, int, int, int]:
    """Where the end record stands, this disk, the directory's disk, its entries in all, its size, its offset."""
    at = tail.rfind(END_SIGNATURE)
    if at < 0 or at + END.size > len(tail):
        raise zipfile.BadZipFile("it has no end record")
    _, disk, directory_disk, _, entries, size, offset, _ = END.unpack_from(tail, at)
    return at, disk, directory_disk, entries, size, offset


def _end64(joined: _Joined, tail: bytes, at: int) -> tuple[int, int, int, int]:
    """The directory's disk, entries in all, the directory's size, its offset, of the zip64 end record."""
    if at < LOCATOR64.size or tail[at - LOCATOR64.size : at - LOCATOR64.size + 4] != LOCATOR64_SIGNATURE:
        raise zipfile.BadZipFile("its zip64 end record cannot be found")
    _, disk, offset, _ = LOCATOR64.unpack_from(tail, at - LOCATOR64.size)
    record = joined.exactly(joined.absolute(disk, offset), END64.size)
    if record[:4] != END64_SIGNATURE:
        raise zipfile.BadZipFile("its zip64 end record cannot be found")
    *_, directory_disk, _, entries, size, directory_offset = END64.unpack(record)
    return directory_disk, entries, size, directory_offset


def _rewritten(directory: bytes, entries: int, joined: _Joined) -> bytes:
    """The central directory with offsets from the first byte of all."""
    written, position = [], 0
    for _ in range(entries):
        if directory[position : position + 4] != ENTRY_SIGNATURE or position + ENTRY.size > len(directory):
            raise zipfile.BadZipFile("its central directory is cut short")
        values = list(ENTRY.unpack_from(directory, position))
        name, extra, comment = values[12:15]
        stop = position + ENTRY.size + name + extra + comment
        body = directory[position + ENTRY.size : stop]
        written.append(_entry(values, body[:name], body[name : name + extra], joined))
        position = stop
    return b"".join(written)


def _entry(values: list, name: bytes, extra: bytes, joined: _Joined) -> bytes:
    """One entry, its sizes and offset all in zip64 form."""
    packed, unpacked, disk, offset = values[10], values[11], values[15], values[18]
    rest, wide = _without_zip64(extra)
    numbers = iter(struct.unpack(f"<{len(wide) // 8}Q", wide[: len(wide) // 8 * 8]))
    unpacked = next(numbers, unpacked) if unpacked == FULL32 else unpacked
    packed = next(numbers, packed) if packed == FULL32 else packed
    offset = next(numbers, offset) if offset == FULL32 else offset
    if disk == FULL16 and len(wide) % 8 == 4:
        (disk,) = struct.unpack("<L", wide[-4:])
    extra = struct.pack("<2H3Q", 1, 24, unpacked, packed, joined.absolute(disk, offset)) + rest
    values[10] = values[11] = values[18] = FULL32
    values[13], values[14], values[15] = len(extra), 0, 0
    return ENTRY.pack(*values) + name + extra


def _without_zip64(extra: bytes) -> tuple[bytes, bytes]:
    """The other extra fields, and the body of the zip64 one."""
    rest, wide, position = b"", b"", 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        field = extra[position : position + 4 + length]
        if kind == 1:
            wide = field[4:]
        else:
            rest += field
        position += 4 + length
    return rest, wide


def _ends(entries: int, size: int, start: int) -> bytes:
    """Both end records and the locator, for a directory that begins where the kept bytes end."""
    end64 = END64.pack(END64_SIGNATURE, END64.size - 12, 45, 45, 0, 0, entries, entries, size, start)
    locator = LOCATOR64.pack(LOCATOR64_SIGNATURE, 0, start + size, 1)
    return end64 + locator + END.pack(END_SIGNATURE, 0, 0, FULL16, FULL16, FULL32, FULL32, 0)
