"""Archives and folders as rough as they come: what is mended in passing, what is a defect of a clip, what is refused."""

import dataclasses
import gzip
import io
import os
import random
import re
import shutil
import signal
import time
import wave
from collections.abc import Callable
from pathlib import Path

import layouts
import numpy as np
import pytest
import soundfile
from layouts import Layout
from support import read_lines, start

from datasets_prep import clips
from datasets_prep import prepare as preparing
from datasets_prep.__main__ import main

Capture = pytest.CaptureFixture[str]
LIBRISPEECH = layouts.load("librispeech")
ARCHIVE = "test-clean.tar.gz"


def prepare(corpus: str, source: Path, data: Path, *more: str) -> int:
    return main(["prepare", corpus, "--root", str(data), "--source", str(source), "--unofficial", *more])


def refused(capsys: Capture) -> str:
    said = capsys.readouterr().err
    assert re.fullmatch(r"datasets_prep: [^\n]+\n", said), said
    return said


def with_transcripts(change: Callable[[bytes], bytes]) -> Layout:
    members = [
        dataclasses.replace(member, data=change(member.data)) if member.path.endswith(".trans.txt") else member
        for member in LIBRISPEECH.archives[ARCHIVE].members
    ]
    return layouts.changed(LIBRISPEECH, ARCHIVE, members)


def clean(data: Path) -> list[dict[str, object]]:
    return read_lines(data / "librispeech/test-clean.jsonl")


@pytest.mark.parametrize(
    "change",
    [lambda text: text.replace(b"\n", b"\r\n"), lambda text: b"\xef\xbb\xbf" + text, lambda text: text.rstrip(b"\n")],
    ids=["CRLF", "BOM", "no last newline"],
)
def test_line_ends_and_marks_are_no_text(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    for name, layout in (("plain", LIBRISPEECH), ("rough", with_transcripts(change))):
        source = layouts.build(layout, tmp_path / name)
        assert prepare("librispeech", source, tmp_path / f"data {name}", "--subset", "test-clean") == 0
    assert clean(tmp_path / "data rough") == clean(tmp_path / "data plain")


def test_what_macos_leaves_behind_is_passed_over(tmp_path: Path) -> None:
    litter = [
        layouts.Member(str(Path(member.path).with_name(f"._{Path(member.path).name}")), b"\0\5\x16\7")
        for member in LIBRISPEECH.archives[ARCHIVE].members
        if not member.path.endswith("/")
    ]
    members = [*litter, *LIBRISPEECH.archives[ARCHIVE].members]
    source = layouts.build(layouts.changed(LIBRISPEECH, ARCHIVE, members), tmp_path / "source")
    assert prepare("librispeech", source, tmp_path / "data", "--subset", "test-clean") == 0
    assert not list((tmp_path / "data").rglob("._*"))


def test_a_nul_is_damage(tmp_path: Path, capsys: Capture) -> None:
    source = layouts.build(with_transcripts(lambda text: text.replace(b"A", b"\0", 1)), tmp_path / "source")
    assert prepare("librispeech", source, tmp_path / "data", "--subset", "test-clean") == 2
    assert "holds a NUL byte" in refused(capsys)


def test_a_header_that_cannot_be_read_is_no_end(tmp_path: Path, capsys: Capture) -> None:
    source = layouts.build(LIBRISPEECH, tmp_path / "source")
    tar = bytearray(gzip.decompress((source / ARCHIVE).read_bytes()))
    place = tar.rfind(b"ustar")  # of the last header, whose checksum then fails
    tar[place - 100] ^= 1
    (source / ARCHIVE).write_bytes(gzip.compress(bytes(tar)))
    assert prepare("librispeech", source, tmp_path / "data", "--subset", "test-clean") == 2
    assert f"{ARCHIVE} is damaged or cut short (bad checksum after" in refused(capsys)


def test_a_second_archive_behind_the_first(tmp_path: Path, capsys: Capture) -> None:
    source = layouts.build(LIBRISPEECH, tmp_path / "source")
    data = (source / ARCHIVE).read_bytes()
    (source / ARCHIVE).write_bytes(data + data)
    assert prepare("librispeech", source, tmp_path / "data", "--subset", "test-clean") == 2
    assert "something follows its end" in refused(capsys)


def test_one_refused_subset_leaves_the_others_be(tmp_path: Path, capsys: Capture) -> None:
    source = layouts.build(LIBRISPEECH, tmp_path / "source")
    (source / "dev-clean.tar.gz").write_bytes(b"<html>not found</html>")
    assert prepare("librispeech", source, tmp_path / "data") == 2
    assert "dev-clean.tar.gz is damaged" in refused(capsys)
    assert sorted(path.stem for path in (tmp_path / "data").rglob("*.jsonl")) == [
        "dev-other",
        "test-clean",
        "test-other",
    ]


def test_a_clip_damaged_afterwards_is_mended_by_fresh(tmp_path: Path) -> None:
    source, data = layouts.build(LIBRISPEECH, tmp_path / "source"), tmp_path / "data"
    assert prepare("librispeech", source, data) == 0
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    clip = next(data.rglob("*.flac"))
    clip.write_bytes(b"")
    assert main(["verify", "librispeech", "--root", str(data)]) == 1
    assert prepare("librispeech", source, data, "--fresh") == 0
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_what_a_smaller_edition_lacks_goes(tmp_path: Path) -> None:
    source, data = layouts.build(LIBRISPEECH, tmp_path / "source"), tmp_path / "data"
    assert prepare("librispeech", source, data, "--subset", "test-clean") == 0
    gone = LIBRISPEECH.manifests["test-clean"][0]["id"].encode()
    smaller = with_transcripts(lambda text: re.sub(rb"(?m)^%b .*\n?" % gone, b"", text))
    layouts.build(smaller, source)
    assert prepare("librispeech", source, data, "--subset", "test-clean", "--fresh") == 0
    named = {line["audio"]["path"] for line in clean(data)}  # type: ignore[index]
    there = {str(path.relative_to(data / "librispeech")) for path in data.rglob("*.flac")}
    assert there == named and gone.decode() not in " ".join(there)


def test_paths_with_and_without_mp3(tmp_path: Path) -> None:
    """Tables of translations and of Common Voice that do not agree on it are joined all the same."""
    layout = layouts.load("covost2")
    assert prepare("covost2", layouts.build(layout, tmp_path / "source"), tmp_path / "data") == 0
    for archive, name in (("covost_v2.en_de.tsv.tar.gz", "covost_v2.en_de.tsv"), ("en.tar.gz", "validated.tsv")):
        members = [
            dataclasses.replace(member, data=member.data.replace(b".mp3\t", b"\t")) if member.path == name else member
            for member in layout.archives[archive].members
        ]
        source = layouts.build(layouts.changed(layout, archive, members), tmp_path / archive)
        assert prepare("covost2", source, tmp_path / f"data {archive}", "--subset", "en_de.test") == 0
        made = (tmp_path / f"data {archive}/covost2/en_de.test.jsonl").read_bytes()
        assert made == (tmp_path / "data/covost2/en_de.test.jsonl").read_bytes()


def test_the_part_of_a_split_zip_that_is_damaged_is_named(tmp_path: Path, capsys: Capture) -> None:
    layout = layouts.load("cochlscene")
    source = layouts.build(layout, tmp_path / "source")
    kept = (source / "CochlScene.z03").read_bytes()
    (source / "CochlScene.z03").write_bytes(bytes(len(kept)))
    assert prepare("cochlscene", source, tmp_path / "data", "--subset", "test") == 2
    assert re.search(r"in CochlScene\.z0[23] is damaged", refused(capsys))
    (source / "CochlScene.z03").unlink()
    assert prepare("cochlscene", source, tmp_path / "data", "--subset", "test") == 2
    assert "CochlScene.z03 is missing beside CochlScene.zip, the last of 6 parts" in refused(capsys)


def unpacked(tmp_path: Path) -> tuple[Path, Path]:
    source = layouts.unpack(LIBRISPEECH, tmp_path / "source")
    return source, source / "LibriSpeech/test-clean"


def test_pipes_and_loops_and_locked_folders(tmp_path: Path, capsys: Capture) -> None:
    source, folder = unpacked(tmp_path)
    for name in ("one", "two"):
        (folder / name).symlink_to(".")  # each would double the tree at every level
    assert prepare("librispeech", source, tmp_path / "data", "--subset", "test-clean") == 0
    capsys.readouterr()
    os.mkfifo(folder / "pipe.flac")
    assert prepare("librispeech", source, tmp_path / "other", "--subset", "test-clean") == 2
    assert "pipe.flac is no file" in refused(capsys)
    (folder / "pipe.flac").unlink()
    (folder / os.fsdecode(b"caf\xe9.flac")).touch()
    assert prepare("librispeech", source, tmp_path / "other", "--subset", "test-clean") == 2
    assert "whose name is not UTF-8" in refused(capsys)


def test_defects_of_clips() -> None:
    sound = np.round(10_000 * np.sin(np.arange(48_000) / 9)).astype(np.int16)
    files = {}
    for form in ("WAV", "FLAC"):
        file = io.BytesIO()
        soundfile.write(file, sound, 16_000, format=form)
        files[form] = file.getvalue()
    assert clips.measure(files["WAV"]).defects == clips.measure(files["FLAC"]).defects == ()
    assert clips.measure(files["WAV"]).sha256 == clips.measure(files["FLAC"]).sha256
    assert "cut short" in clips.measure(files["WAV"][:20_000]).defects
    lying = bytearray(files["FLAC"])
    lying[21:26] = b"\xff" * 5  # 2**36 - 1 samples, says the header
    assert clips.measure(bytes(lying)).defects[0] in ("cut short", "unreadable")
    assert clips.measure(files["FLAC"][:2_000]).defects[0] in ("cut short", "unreadable")
    for silent, clipped, seconds in ((True, False, 1), (False, True, 1), (False, False, 31)):
        samples = np.zeros(16_000 * seconds) if silent else 0.5 * np.ones(16_000 * seconds)
        samples[:100] = 1.0 if clipped else samples[:100]
        file = io.BytesIO()
        soundfile.write(file, samples, 16_000, format="WAV")
        wanted = {"silent": silent, "clipped": clipped, "longer than 30 s": seconds > 30}
        assert clips.measure(file.getvalue()).defects == tuple(name for name, holds in wanted.items() if holds)


def test_a_streamed_wav_that_does_not_know_its_length_is_whole() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", "NONE"))
        writer.writeframes(b"\1\2" * 8_000)
    data = bytearray(file.getvalue())
    data[4:8] = data[40:44] = b"\xff" * 4
    clip = clips.measure(bytes(data))
    assert clip.seconds == 0.5 and "cut short" not in clip.defects


def test_an_interruption_of_the_cleaning_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "staging/deep").mkdir(parents=True)
    real, interruptions = shutil.rmtree, [KeyboardInterrupt]

    def rmtree(path: Path, ignore_errors: bool) -> None:
        if interruptions:
            raise interruptions.pop()
        real(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(preparing.shutil, "rmtree", rmtree)
    with pytest.raises(KeyboardInterrupt):
        preparing._remove(tmp_path / "staging")
    assert not (tmp_path / "staging").exists()


def test_interrupted_at_any_moment_it_ends(tmp_path: Path) -> None:
    """With its sentence and status 130, and another run makes it whole."""
    crowded = layouts.crowded(LIBRISPEECH, 400)
    source, draw = layouts.build(crowded, tmp_path / "source"), random.Random(5)
    words = ["prepare", "librispeech", "--source", source, "--unofficial", "--jobs", 2]
    ended = []
    for number in range(8):
        process = start("datasets_prep", *words, "--root", tmp_path / f"data {number}")
        while not (tmp_path / f"data {number}").exists() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.25))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        ended.append(process.returncode)
        assert process.returncode in (0, 130), said
        if process.returncode == 130:
            assert said == "datasets_prep: interrupted; say the same command again\n"
            assert not list((tmp_path / f"data {number}").rglob(".preparing"))
    assert 130 in ended


def test_an_interrupt_while_the_process_ends_changes_no_status() -> None:
    """Python puts the default handlers back while it ends; a Ctrl-C then would read as a process that was killed."""
    for number in range(10):
        process = start("datasets_prep", "list")
        assert process.stdout is not None and process.stdout.readline()
        time.sleep(number / 400)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode in (0, 130)
