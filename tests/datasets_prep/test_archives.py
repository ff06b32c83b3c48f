"""Archives of every kind as trees: tar and zip with archives in them, 7z, parquet, folders of these."""

import io
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import layouts
import py7zr
import pyarrow
import pyarrow.parquet
import pytest
from layouts import Member

from datasets_prep.archives import ArchiveError, open_archive, open_folder

FILES = {f"{part}/S{n}/{part}{n}.wav": f"{part} {n} ".encode() * 500 for part in ("test", "dev") for n in range(3)}
INNER = [Member(path, data) for path, data in FILES.items()]
WITHIN = {f"data/wav/{path}": data for path, data in FILES.items()} | {"data/text.txt": b"a text"}
KINDS = ["outer.tgz", "outer.tar", "outer.zip"]
INNER_KINDS = ["speaker.tar.gz", "speaker.tar"]


def outer(kind: str, inner_kind: str, inner: bytes, folder: Path) -> Path:
    members = [Member("data/text.txt", b"a text"), Member(f"data/wav/{inner_kind}", inner)]
    path = folder / kind
    path.write_bytes(layouts.packed(kind, members))
    return path


@pytest.mark.parametrize("inner_kind", INNER_KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_within_is_as_if_it_had_been_unpacked_there(kind: str, inner_kind: str, tmp_path: Path) -> None:
    path = outer(kind, inner_kind, layouts.packed(inner_kind, INNER), tmp_path)
    tree = open_archive(path, kind, tables=(".txt",), nested=(".tar.gz", ".tar"))
    assert sorted(tree.names) == sorted(WITHIN)
    wanted = ["data/wav/dev/S1/dev1.wav", "data/text.txt", "data/wav/test/S0/test0.wav"]
    assert dict(tree.read(wanted)) == {name: WITHIN[name] for name in wanted}
    assert tree.table("data/text.txt") == b"a text"
    tree.close()
    assert open_archive(path, kind).names == ["data/text.txt", f"data/wav/{inner_kind}"]


@pytest.mark.parametrize("inner_kind", [*INNER_KINDS, "speaker.zip", "speaker.7z"])
def test_an_archive_in_a_folder(inner_kind: str, tmp_path: Path) -> None:
    (tmp_path / "data/wav").mkdir(parents=True)
    (tmp_path / "data/text.txt").write_bytes(b"a text")
    (tmp_path / "data/wav" / inner_kind).write_bytes(layouts.packed(inner_kind, INNER))
    tree = open_folder(tmp_path / "data", "data", nested=(".tar.gz", ".tar", ".zip", ".7z"))
    assert dict(tree.read(tree.names)) == WITHIN
    tree.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[: len(data) // 2], "speaker.tar.gz in outer"),
        (lambda data: data[:200] + bytes([data[200] ^ 16]) + data[201:], "speaker.tar.gz in outer"),
        (lambda _: layouts.packed("a.tar.gz", [*INNER, Member("../../../evil.wav", b"x")]), "leads out of it"),
        (lambda _: layouts.packed("a.tar.gz", [Member("a.wav", target="/etc/hosts", kind=tarfile.SYMTYPE)]), "a link"),
        (lambda _: layouts.packed("a.tar.gz", [INNER[0], INNER[0]]), "twice"),
        (lambda _: layouts.packed("a.tar.gz", [Member("zeros.wav", bytes(2**27))]), "more than 100 times"),
    ],
    ids=["cut", "flipped", "climbs", "link", "twice", "bomb"],
)
def test_what_is_wrong_within_is_refused(
    kind: str, change: Callable[[bytes], bytes], said: str, tmp_path: Path
) -> None:
    inner = change(layouts.packed("speaker.tar.gz", INNER))
    with pytest.raises(ArchiveError, match=said):
        open_archive(outer(kind, "speaker.tar.gz", inner, tmp_path), kind, nested=(".tar.gz",))


def seven_zip(folder: Path, members: list[Member]) -> Path:
    path = folder / "clips.7z"
    path.write_bytes(layouts.packed("clips.7z", members))
    return path


def test_seven_zip(tmp_path: Path) -> None:
    tree = open_archive(seven_zip(tmp_path, INNER), "clips.7z")
    assert tree.names == list(FILES)
    assert dict(tree.read(tree.names)) == FILES
    assert dict(tree.read(["dev/S2/dev2.wav"])) == {"dev/S2/dev2.wav": FILES["dev/S2/dev2.wav"]}


def test_whoever_stops_early_leaves_no_thread(tmp_path: Path) -> None:
    many = [Member(f"{n}.wav", bytes([n]) * 10_000) for n in range(100)]
    tree = open_archive(seven_zip(tmp_path, many), "clips.7z")
    before = threading.active_count()
    reading = iter(tree.read(tree.names))
    assert next(reading) == ("0.wav", bytes(10_000))
    reading.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_seven_zip_that_is_wrong(tmp_path: Path) -> None:
    path = seven_zip(tmp_path, INNER)
    data = path.read_bytes()
    for changed in (data[: len(data) // 2], data[:-4], b"", b"no archive" * 50):
        path.write_bytes(changed)
        with pytest.raises(ArchiveError, match=r"clips\.7z is damaged"):
            open_archive(path, "clips.7z")
    path.write_bytes(data[:60] + bytes([data[60] ^ 16]) + data[61:])
    with pytest.raises(ArchiveError, match=r"clips\.7z is damaged"):
        dict(open_archive(path, "clips.7z").read(list(FILES)))
    for evil in ("../evil.wav", "/evil.wav"):
        with pytest.raises(ArchiveError, match="leads out of it"):
            open_archive(_with_name(tmp_path, evil), "clips.7z")


def _with_name(folder: Path, name: str) -> Path:
    """A 7z with a name that py7zr would not write: of the same length in UTF-16, changed in the header."""
    path = folder / "clips.7z"
    plain = "x" * len(name)
    with py7zr.SevenZipFile(path, "w", header_encryption=False) as archive:
        archive.set_encoded_header_mode(False)
        archive.writestr(b"data", plain)
    packed = path.read_bytes()
    header = packed.index(plain.encode("utf-16-le"))
    changed = packed[:header] + name.encode("utf-16-le") + packed[header + 2 * len(name) :]
    path.write_bytes(_with_checksums(changed))
    return path


def _with_checksums(packed: bytes) -> bytes:
    """Of the header and of what points to it, as section 3 of 7zFormat.txt has them."""
    import struct
    import zlib

    offset, size = struct.unpack("<QQ", packed[12:28])
    start = struct.pack("<QQI", offset, size, zlib.crc32(packed[32 + offset : 32 + offset + size]))
    return packed[:8] + struct.pack("<I", zlib.crc32(start)) + start + packed[32:]


ROWS = [
    {"text": "one", "audio": {"bytes": b"RIFF1", "path": "a.wav"}, "more": {"bytes": b"fLaC", "path": None}, "n": 1},
    {"text": "two", "audio": {"bytes": b"RIFF2", "path": "b.mp3"}, "more": None, "n": 2},
]


def table(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "test-00000-of-00001.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return path


def test_a_table_of_the_hub_is_rows_and_recordings(tmp_path: Path) -> None:
    table(tmp_path / "config")
    tree = open_folder(tmp_path, "set", nested=(".parquet",))
    name, home = "set/config/test-00000-of-00001.parquet", "set/config/test-00000-of-00001"
    assert list(tree.records(name)) == [
        {"text": "one", "n": 1, "audio": f"{home}/000000-audio.wav", "more": f"{home}/000000-more.wav"},
        {"text": "two", "n": 2, "audio": f"{home}/000001-audio.mp3", "more": None},
    ]
    assert sorted(tree.names) == sorted(
        [f"{home}/00000{n}-audio.{kind}" for n, kind in ((0, "wav"), (1, "mp3"))] + [f"{home}/000000-more.wav"]
    )
    assert dict(tree.read([f"{home}/000001-audio.mp3", f"{home}/000000-more.wav"])) == {
        f"{home}/000001-audio.mp3": b"RIFF2",
        f"{home}/000000-more.wav": b"fLaC",
    }
    with pytest.raises(ArchiveError, match=r"holds no table set/other\.parquet"):
        tree.records("set/other.parquet")


def test_a_table_that_is_wrong(tmp_path: Path) -> None:
    path = table(tmp_path)
    data = path.read_bytes()
    for changed in (data[: len(data) // 2], b"", b"PAR1" * 10):
        path.write_bytes(changed)
        with pytest.raises(ArchiveError, match=r"test-00000-of-00001\.parquet is damaged"):
            open_archive(path, path.name)


def test_a_plain_gz_that_is_no_tar_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    path.write_bytes(io.BytesIO(b"<html>sign in</html>").getvalue())
    with pytest.raises(ArchiveError, match=r"a\.tgz is damaged"):
        open_archive(path, path.name)
