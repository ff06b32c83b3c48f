"""The small copies of the official archives: what is built is what other programs read."""

import csv
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import damages
import layouts
import numpy as np
import py7zr
import py7zr.io
import pytest
import soundfile
import zips
from layouts import Layout

from datasets_prep.corpus import corpora

STAMP = 1_577_880_000  # 1 January 2020, 12:00:00 UTC


@pytest.fixture(params=layouts.NAMES)
def layout(request: pytest.FixtureRequest) -> Layout:
    return layouts.load(request.param)


@pytest.fixture(scope="module")
def info_zip() -> None:
    if not (shutil.which("zip") and shutil.which("unzip")):
        pytest.skip("zip and unzip are not installed; they check the split archives that the tests write")


def test_every_corpus_has_a_tree() -> None:
    assert {layouts.load(name).corpus for name in layouts.NAMES} == corpora().keys()


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | {"TZ": "UTC"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def random_entries(deflated: bool) -> list[zips.Entry]:
    """Large and many small ones, so that data and headers meet the border of a part."""
    random = np.random.default_rng(1)
    sizes = [100_000, 3, *random.integers(0, 900, 400), 70_000, 65_536, *random.integers(0, 90, 300)]
    return [zips.Entry(f"{n % 7}/{n}.bin", random.bytes(size), deflated) for n, size in enumerate(sizes)]


def test_splits_to_the_byte_as_zip_does(tmp_path: Path, info_zip: None) -> None:
    entries = random_entries(deflated=False)
    for entry in entries:
        path = tmp_path / entry.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(entry.data)
        path.chmod(0o644)
        os.utime(path, (STAMP, STAMP))
    run(tmp_path, "zip", "-q", "-X", "-0", "-s", "64k", "theirs.zip", *[entry.name for entry in entries])
    parts = zips.write_zip(entries, 65_536)
    theirs = [*sorted(tmp_path.glob("theirs.z[0-9]*")), tmp_path / "theirs.zip"]
    assert len(parts) == len(theirs) > 5
    for ours, path in zip(parts, theirs, strict=True):
        assert len(ours) == path.stat().st_size, path.name
        assert unmarked(ours) == unmarked(path.read_bytes()), path.name


def unmarked(part: bytes) -> bytes:
    """Without the mark "is a text" that zip's guess at the contents sets."""
    pieces = part.split(b"PK\x01\x02")
    return b"PK\x01\x02".join([pieces[0], *(piece[:32] + bytes(2) + piece[34:] for piece in pieces[1:])])


@pytest.mark.parametrize("zip64", [False, True], ids=["plain", "zip64"])
def test_zip_joins_what_is_split_and_unzip_reads_it(tmp_path: Path, info_zip: None, zip64: bool) -> None:
    entries = [*random_entries(deflated=True), zips.Entry("é/ü.bin", b"x" * 10_000)]
    parts = zips.split_zip(entries, 6, zip64)
    for number, part in enumerate(parts, 1):
        (tmp_path / ("small.zip" if number == 6 else f"small.z{number:02}")).write_bytes(part)
    run(tmp_path, "zip", "-q", "-s", "0", "small.zip", "--out", "full.zip")
    assert "No errors detected" in run(tmp_path, "unzip", "-t", "full.zip")
    with zipfile.ZipFile(tmp_path / "full.zip") as joined:
        assert {name: joined.read(name) for name in joined.namelist()} == {entry.name: entry.data for entry in entries}


def test_a_zip64_end_record_is_read(tmp_path: Path) -> None:
    entries = random_entries(deflated=True)
    (tmp_path / "a.zip").write_bytes(zips.write_zip(entries, zip64=True)[0])
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None and len(archive.namelist()) == len(entries)


def test_every_archive_is_read_by_others(layout: Layout, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    layouts.build(layout, tmp_path)
    for archive in layout.archives.values():
        expected = {m.path.rstrip("/"): m.data for m in archive.members}
        if archive.parts > 1:
            request.getfixturevalue("info_zip")
            run(tmp_path, "zip", "-q", "-s", "0", archive.name, "--out", "full.zip")
        if archive.name.endswith(".zip"):
            with zipfile.ZipFile(tmp_path / ("full.zip" if archive.parts > 1 else archive.name)) as opened:
                assert opened.testzip() is None
                assert {name.rstrip("/"): opened.read(name) for name in opened.namelist()} == expected
        elif archive.name.endswith(layouts.TARS):
            with tarfile.open(tmp_path / archive.name) as tar:
                found = {info.name: (tar.extractfile(info) if info.isfile() else None) for info in tar}
                assert {name: file.read() if file else b"" for name, file in found.items()} == expected
        elif archive.name.endswith(".7z"):
            assert read_seven_zip(tmp_path / archive.name) == {name: data for name, data in expected.items() if data}
        elif archive.is_folder:
            assert {name: (tmp_path / name).read_bytes() for name, data in expected.items() if data} == {
                name: data for name, data in expected.items() if data
            }
        else:
            assert (tmp_path / archive.name).read_bytes() == expected[archive.name]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_seven_zip(path: Path) -> dict[str, bytes]:
    factory = py7zr.io.BytesIOFactory(2**24)
    with py7zr.SevenZipFile(path) as opened:
        opened.extract(factory=factory)
    return {name: file.read() for name, file in factory.products.items()}


def test_the_bytes_are_the_same_each_time_and_unpacking_gives_the_members(layout: Layout, tmp_path: Path) -> None:
    layouts.sound.cache_clear()
    again = layouts.build(layouts.load(layout.name), tmp_path / "again")
    first = layouts.build(layout, tmp_path / "first")
    assert contents(first) == contents(again)
    unpacked = layouts.unpack(layout, tmp_path / "unpacked")
    members = {
        str(Path(a.unpacked, layouts.beside(m.path, inner.path) if m.members else inner.path)): inner.data
        for a in layout.archives.values()
        for m in a.members
        for inner in m.members or [m]
    }
    files = {str(p.relative_to(unpacked)): p.read_bytes() for p in unpacked.rglob("*") if p.is_file()}
    assert files == {path: data for path, data in members.items() if path in files} and len(files) > 2


def test_what_is_expected_fits_the_tree(layout: Layout, tmp_path: Path) -> None:
    clip = tmp_path / "clip"
    for subset, lines in layout.manifests.items():
        assert [line["id"] for line in lines] == sorted({line["id"] for line in lines}), subset
        for line in lines:
            for audio in layouts.clips_of(line):
                data = layout.clip(audio)
                if not audio["path"].endswith(".mp4"):
                    clip.write_bytes(data)
                    end = audio.get("end", soundfile.info(clip).duration)
                    assert abs(end - audio.get("start", 0.0) - audio["seconds"]) < 1e-3, line
            fields = {key: value for key, value in line.items() if key not in ("audio", "duration", "uem")}
            assert all(isinstance(value, str | list) for value in fields.values()), line
    assert json.loads(json.dumps(layout.manifests)) == layout.manifests


def test_the_split_tables_are_what_the_join_gives() -> None:
    """CoVoST 2's script, in a few lines: an inner join on path, train_covost going to train."""

    def table(data: bytes) -> list[dict[str, str]]:
        lines = data.decode().split("\n")[:-1]
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar="\\"))

    joined, split = layouts.load("covost2"), layouts.load("covost2_split")
    for pair in ("en_de", "en_zh-CN", "zh-CN_en"):
        clips = {row["path"]: row for row in table(joined.member(f"{pair.split('_')[0]}.tar.gz", "validated.tsv").data)}
        rows = table(joined.member(f"covost_v2.{pair}.tsv.tar.gz", f"covost_v2.{pair}.tsv").data)
        for part, marks in {"train": ("train", "train_covost"), "dev": ("dev",), "test": ("test",)}.items():
            name = f"covost_v2.{pair}.{part}.tsv"
            expected = [
                {
                    "translation": row["translation"],
                    **{k: clips[row["path"]][k] for k in ("path", "sentence", "client_id")},
                }
                for row in rows
                if row["split"] in marks and row["path"] in clips
            ]
            assert table(split.member(name, name).data) == expected and expected, name


@pytest.mark.parametrize(("name", "what"), [pair for pair in damages.pairs() if pair[0] in layouts.DEEP])
def test_every_damage_changes_the_folder(name: str, what: str, tmp_path: Path) -> None:
    layout = layouts.load(name)
    folder = layouts.build(layout, tmp_path / "source")
    before = contents(folder)
    damages.DAMAGES[what](layout, folder)
    assert contents(folder) != before


@pytest.mark.parametrize(("name", "count"), [(name, 200) for name in layouts.DEEP])
def test_a_crowded_tree_has_so_many_more_clips(name: str, count: int) -> None:
    layout = layouts.load(name)
    crowded = layouts.crowded(layout, count)
    name = layout.crowd["clip"]["archive"]
    assert len(crowded.archives[name].members) >= len(layout.archives[name].members) + count
