"""How a run says how it goes: on a terminal, and in a log."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import CHECKOUT, ENVIRONMENT, wait_for_lines, write_manifest

from evaluate import progress
from evaluate.progress import Reporter


def begun(tmp_path: Path, devices: int = 2) -> Reporter:
    reporter = Reporter(tmp_path / "run.log")
    reporter.start({"asr/one": 10, "asr/two": 20, "asr/three": 5}, ["cpu"] * devices)
    return reporter


def test_the_summary_counts_everything(tmp_path: Path) -> None:
    reporter = begun(tmp_path)
    reporter.advance("asr/one", 0, 4, 1, 20.0, 0.5)
    reporter.advance("asr/two", 1, 3, 0, 10.0, 0.5)
    assert re.fullmatch(r"7 samples in 0:00 \([\d.]+ clips/s, [\d.]+x real time\), 1 failed", reporter.summary())


def test_a_log_gets_a_line_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.02)
    reporter = begun(tmp_path)
    reporter.advance("asr/two", 1, 3, 1, 10.0, 0.5)
    with reporter:
        progress.time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2 and lines[0].startswith("asr/two: 3/35, 1 failed  ") and " busy  " in lines[0]


def test_a_terminal_gets_a_line_for_each_task_and_device(own: Path, tmp_path: Path, tone: Callable[..., Path]) -> None:
    rows = [{"id": str(n), "audio": tone("a.wav").name, "reference": "x", "hint": ""} for n in range(30)]
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    both = [f"tasks.{key}.corpus.manifest={manifest}" for key in ("first", "second")]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "evaluate", f"hydra.searchpath=['file://{own}']", "suite=twice", "model=echo", *both,
         "engine.devices=[cpu,cpu]", "batch.max_clips=1", "+model.options.nap=0.05", f"run.dir={tmp_path / 'run'}"],
        cwd=CHECKOUT, env=ENVIRONMENT | {"TERM": "xterm", "COLUMNS": "120"}, stdout=subprocess.DEVNULL, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert process.wait() == 0
    text = said.decode()
    for expected in ("worker 0", "worker 1", "own/first", "/60", "% busy", "left", "60 samples in"):
        assert expected in text, text


def test_a_terminal_that_goes_away_stops_nothing(own: Path, tmp_path: Path, tone: Callable[..., Path]) -> None:
    rows = [{"id": str(n), "audio": tone("a.wav").name, "reference": "x", "hint": ""} for n in range(30)]
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "evaluate", f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=echo",
         f"task.corpus.manifest={manifest}", "engine.devices=cpu", "batch.max_clips=1", "+model.options.nap=0.05",
         f"run.dir={tmp_path / 'run'}"],
        cwd=CHECKOUT, env=ENVIRONMENT | {"TERM": "xterm"}, stdout=theirs, stderr=theirs, start_new_session=True, text=True,
    )  # fmt: skip
    os.close(theirs)
    wait_for_lines(tmp_path / "run/own/echo/predictions.jsonl", 3, process)
    os.close(ours)
    assert process.wait(timeout=30) == 0 and (tmp_path / "run/leaderboard.md").exists()


def test_a_full_disk_takes_no_log_and_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Reporter(Path("/dev/full")).log("WARNING", "odd")
    assert capsys.readouterr().err.startswith("warning: odd")


def test_a_library_that_says_another_thing_each_time_is_cut_short(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter = begun(tmp_path)
    for number in range(200):
        reporter.log("WARNING", f"sample {number} is odd")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 51 and lines[-1] == "what libraries say from here on is in run.log only"
    assert len((tmp_path / "run.log").read_text().splitlines()) == 200


def test_what_a_library_says_is_shown_once_and_is_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reporter = begun(tmp_path)
    for _ in range(3):
        reporter.log("WARNING", "[red]odd[/red]\x1b[2J")
    assert capsys.readouterr().err == "warning: [red]odd[/red]?[2J (said once; all of it in run.log)\n"
    assert (tmp_path / "run.log").read_text().count("odd") == 3
