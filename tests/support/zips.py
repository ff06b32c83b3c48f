"""Zip archives written from scratch: whole, split as ``zip -s`` splits them, with zip64 end records, or lying.

Names as in PKWARE's APPNOTE.TXT, sections 4.3 to 4.5 and 8.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

SPANNED = b"PK\x07\x08"
STAMP = struct.pack("<HH", 12 << 11, (2020 - 1980) << 9 | 1 << 5 | 1)
"""1 January 2020, 12:00:00."""
FILE, LINK = 0o100644, 0o120777


@dataclass(frozen=True)
class Entry:
    """A member; its name and bytes, and what its headers say of it."""

    name: str
    data: bytes
    deflated: bool = True
    mode: int = FILE
    said_size: int | None = None
    """The size that both headers say, where it is not the true one."""

    @cached_property
    def packed(self) -> bytes:
        if not self.deflated:
            return self.data
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        return packer.compress(self.data) + packer.flush()

    @cached_property
    def common(self) -> bytes:
        """What the local and the central header share: version needed to the length of the extra field."""
        name = self.name.encode()
        size = len(self.data) if self.said_size is None else self.said_size
        flags = 0 if name.isascii() else 0x800
        method = (20, flags, 8) if self.deflated else (10, flags, 0)
        checksum = zlib.crc32(self.data)
        return struct.pack("<HHH4sIIIHH", *method, STAMP, checksum, len(self.packed), size, len(name), 0)

    def local_header(self) -> bytes:
        return b"PK\x03\x04" + self.common + self.name.encode()

    def central_header(self, disk: int, offset: int) -> bytes:
        made_by = struct.pack("<H", 3 << 8 | 30)  # Unix, zip 3.0
        tail = struct.pack("<HHHII", 0, disk, 0, self.mode << 16, offset)
        return b"PK\x01\x02" + made_by + self.common + tail + self.name.encode()


class _Parts:
    """The growing parts: a header is never cut by a part's border, data may be."""

    def __init__(self, room: int | None) -> None:
        self.room = room
        self.parts = [bytearray(SPANNED if room else b"")]

    def add_header(self, data: bytes) -> tuple[int, int]:
        """The disk that it went to, and its offset there."""
        if self.room and len(self.parts[-1]) + len(data) > self.room:
            self.parts.append(bytearray())
        place = len(self.parts) - 1, len(self.parts[-1])
        self.parts[-1] += data
        return place

    def add_data(self, data: bytes) -> None:
        while self.room and len(data) > self.room - len(self.parts[-1]):
            free = self.room - len(self.parts[-1])
            self.parts[-1] += data[:free]
            self.parts.append(bytearray())
            data = data[free:]
        self.parts[-1] += data


def write_zip(entries: Sequence[Entry], room: int | None = None, zip64: bool = False) -> list[bytes]:
    """The parts of an archive, each of at most ``room`` bytes; one part without a spanning signature where room is None.

    ``zip64`` adds the zip64 end record and its locator, and sets both counts of the end record to 0xFFFF, as in an
    archive of more than 65,535 entries.
    """
    parts = _Parts(room)
    headers = []
    for entry in entries:
        headers.append(entry.central_header(*parts.add_header(entry.local_header())))
        parts.add_data(entry.packed)
    places = [parts.add_header(header) for header in headers]
    start = places[0] if places else (len(parts.parts) - 1, len(parts.parts[-1]))
    _add_end(parts, [disk for disk, _ in places], start, sum(map(len, headers)), zip64)
    return [bytes(part) for part in parts.parts]


def _add_end(parts: _Parts, disks: list[int], start: tuple[int, int], size: int, zip64: bool) -> None:
    length = 22 + (56 + 20 if zip64 else 0)
    if parts.room and len(parts.parts[-1]) + length > parts.room:
        parts.parts.append(bytearray())
    last = len(parts.parts) - 1
    here, total = disks.count(last), len(disks)
    if zip64:
        offset = len(parts.parts[-1])
        record = (44, 3 << 8 | 45, 45, last, start[0], here, total, size, start[1])
        parts.add_header(b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", *record))
        parts.add_header(b"PK\x06\x07" + struct.pack("<IQI", last, offset, last + 1))
        here = total = 0xFFFF
    parts.add_header(b"PK\x05\x06" + struct.pack("<HHHHIIH", last, start[0], here, total, size, start[1], 0))


def split_zip(entries: Sequence[Entry], count: int, zip64: bool = False) -> list[bytes]:
    """An archive in so many parts, all but the last of nearly the same size."""
    room = -(-len(write_zip(entries, zip64=zip64)[0]) // count)
    while len(parts := write_zip(entries, room, zip64)) > count:
        room += 16
    assert len(parts) == count, f"{len(parts)} parts of {room} bytes: the tree is too small for {count}"
    return parts


def data_place(parts: Sequence[bytes], name: str) -> tuple[int, int]:
    """Where the middle byte of a member's packed data lies: the part's index and the offset in it.

    Walks the central directory, which must lie on the last part.
    """
    last = parts[-1]
    at = last.rindex(b"PK\x05\x06")
    size, at = struct.unpack("<II", last[at + 12 : at + 20])
    end = at + size
    while at < end:
        (packed,) = struct.unpack("<I", last[at + 20 : at + 24])
        lengths = struct.unpack("<HHHH", last[at + 28 : at + 36])
        disk, (offset,) = lengths[3], struct.unpack("<I", last[at + 42 : at + 46])
        if last[at + 46 : at + 46 + lengths[0]] == name.encode():
            offset += 30 + lengths[0] + packed // 2
            while offset >= len(parts[disk]):
                disk, offset = disk + 1, offset - len(parts[disk])
            return disk, offset
        at += 46 + sum(lengths[:3])
    raise KeyError(name)
