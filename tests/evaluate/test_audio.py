"""Audio: decoding equals soundfile and soxr, and every unusable clip has its sentence."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from datasets_prep.manifest import Clip
from evaluate import audio
from evaluate.audio import AudioError, load

Tone = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "rate", "channels"), [("a.wav", 44_100, 2), ("a.flac", 8_000, 1), ("a.ogg", 48_000, 2)]
)
def test_equals_mean_of_channels_then_soxr(tmp_path: Path, tone: Tone, name: str, rate: int, channels: int) -> None:
    path = tone(name, 0.7, rate, channels)
    raw, _ = soundfile.read(path, dtype="float32", always_2d=True)
    expected = soxr.resample(raw.mean(axis=1), rate, 16_000, "HQ")
    recording = load(Clip(name), tmp_path)
    assert recording.samples.dtype == np.float32
    np.testing.assert_array_equal(recording.samples, expected)
    assert recording.seconds == pytest.approx(0.7, abs=0.01)


def test_a_stretch_is_the_same_as_cutting_the_whole(tmp_path: Path, tone: Tone) -> None:
    tone("a.wav", 2.0)
    whole = load(Clip("a.wav"), tmp_path).samples
    part = load(Clip("a.wav", 0.5, 1.25), tmp_path)
    np.testing.assert_array_equal(part.samples, whole[8_000:20_000])
    assert load(Clip("a.wav", 1.5, 2.05), tmp_path).seconds == 0.5
    assert audio.duration(Clip("a.wav", 0.5, 1.25), tmp_path) == 0.75
    assert audio.duration(Clip("a.wav", 0.5, 99.0), tmp_path) == 1.5


def test_the_hash_is_that_of_what_is_heard(tmp_path: Path, tone: Tone) -> None:
    wav, flac = tone("a.wav", subtype="PCM_16"), tone("a.flac", subtype="PCM_16")
    hashes = {load(Clip(path.name), tmp_path).sha256() for path in (wav, flac)}
    assert len(hashes) == 1 and hashes != {load(Clip(tone("b.wav", 0.6).name), tmp_path).sha256()}


def test_only_ffmpeg_reads_m4a(tmp_path: Path, tone: Tone, ffmpeg: str) -> None:
    tone("a.wav", 1.0, 44_100, 2)
    subprocess.run([ffmpeg, "-v", "error", "-i", tmp_path / "a.wav", "-c:a", "aac", tmp_path / "a.m4a"], check=True)
    recording = load(Clip("a.m4a"), tmp_path)
    assert recording.seconds == pytest.approx(1.0, abs=0.1)
    assert 0.1 < np.abs(recording.samples).max() < 0.4
    assert load(Clip("a.m4a", 0.25, 0.75), tmp_path).seconds == pytest.approx(0.5)


def test_m4a_without_ffmpeg_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0 ftypM4A " * 50)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError, match="ffmpeg is not installed") as error:
        load(Clip("a.m4a"), tmp_path)
    assert error.value.code == "no_ffmpeg"


def test_a_wav_written_as_a_stream_is_whole(tmp_path: Path, tone: Tone) -> None:
    data = bytearray(tone("a.wav").read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "stream.wav").write_bytes(bytes(data))
    np.testing.assert_array_equal(load(Clip("stream.wav"), tmp_path).samples, load(Clip("a.wav"), tmp_path).samples)


def _write_bad(folder: Path) -> None:
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("This is no recording.\n" * 100)
    (folder / "text.raw").write_text("This is no recording.\n" * 100)
    soundfile.write(folder / "zero.wav", np.zeros(0), 16_000)
    soundfile.write(folder / "short.wav", np.zeros(400), 16_000)
    soundfile.write(folder / "nan.wav", np.array([0.1, np.nan] * 8_000), 16_000, subtype="FLOAT")
    soundfile.write(folder / "ok.wav", np.zeros(16_000), 16_000)
    soundfile.write(folder / "cut.flac", np.random.default_rng(0).uniform(-1, 1, 80_000), 16_000)
    data = (folder / "cut.flac").read_bytes()
    (folder / "cut.flac").write_bytes(data[: len(data) // 2])
    (folder / "folder.wav").mkdir()
    data = (folder / "ok.wav").read_bytes()
    (folder / "cut.wav").write_bytes(data[: len(data) // 2])
    (folder / "list.txt").write_text("ffconcat version 1.0\nfile ok.wav\n")


@pytest.mark.parametrize(
    ("clip", "code"),
    [
        (Clip("none.wav"), "missing"),
        (Clip("folder.wav"), "missing"),
        (Clip("x" * 5_000), "missing"),
        (Clip("nul\0.wav"), "missing"),
        (Clip("empty.wav"), "empty"),
        (Clip("zero.wav"), "empty"),
        (Clip("text.wav"), "unreadable"),
        (Clip("text.raw"), "unreadable"),
        (Clip("cut.flac"), "unreadable"),
        (Clip("cut.wav"), "unreadable"),
        (Clip("list.txt"), "unreadable"),
        (Clip("short.wav"), "too_short"),
        (Clip("ok.wav", 0.5, 0.51), "too_short"),
        (Clip("ok.wav", 7.0), "bounds"),
        (Clip("ok.wav", 0.5, 1.2), "bounds"),
        (Clip("nan.wav"), "not_finite"),
    ],
)
def test_an_unusable_clip_has_a_code_and_a_sentence(tmp_path: Path, ffmpeg: str, clip: Clip, code: str) -> None:
    _write_bad(tmp_path)
    with pytest.raises(AudioError) as error:
        load(clip, tmp_path)
    assert error.value.code == code
    assert str(tmp_path) not in str(error.value) and "\n" not in str(error.value)
    assert audio.duration(clip, tmp_path) is None or code in (
        "too_short",
        "bounds",
        "not_finite",
        "empty",
        "unreadable",
    )


def test_a_long_clip_is_cut_in_its_pauses_and_nothing_is_lost() -> None:
    rate, noise = audio.SAMPLE_RATE, np.random.default_rng(0).normal(0, 0.1, 25 * audio.SAMPLE_RATE).astype(np.float32)
    noise[8 * rate : 9 * rate] = 0.0
    pieces = audio.split_at_pauses(noise, 10.0)
    np.testing.assert_array_equal(np.concatenate(pieces), noise)
    assert all(audio.MIN_SECONDS * rate <= len(piece) <= 10 * rate for piece in pieces)
    assert 8.0 < len(pieces[0]) / rate < 9.0
    assert [len(piece) for piece in audio.split_at_pauses(noise[: 10 * rate], 10.0)] == [10 * rate]
    just_over = audio.split_at_pauses(noise[: 10 * rate + 1], 10.0)
    assert len(just_over) == 2 and len(just_over[1]) >= audio.MIN_SECONDS * rate
