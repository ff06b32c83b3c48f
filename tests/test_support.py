"""The commands of the tests, which are forked from a process that has imported all: they do as cold ones do."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import ENVIRONMENT, cold_command, command, write_manifest

Tone = Callable[..., Path]


def echo(own: Path, folder: Path, tone: Tone, name: str) -> list[str]:
    """A run of the double of a model, one of whose samples fails, and whose workers talk."""
    code = own / "echo_model.py"
    talk = "print('a word'); os.write(2, b'a warning\\n'); print(sorted(os.environ), os.getcwd(), sys.argv[:2], 'torch' in sys.modules)"
    code.write_text(code.read_text().replace("self.device = device", talk))
    rows = [{"id": str(n), "audio": tone("a.wav").name, "reference": "8000 samples", "hint": ""} for n in range(5)]
    manifest = write_manifest(folder / "m.jsonl", [*rows, rows[0] | {"id": "x", "does": "raise"}])
    words = [f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=echo", f"task.corpus.manifest={manifest}"]
    return [*words, f"run.dir={folder / name}", "engine.devices=cpu"]


def said(done: subprocess.CompletedProcess[str]) -> tuple[int, list[str], list[str]]:
    """Status and lines, without what differs from run to run; in any order, for those of the workers come last."""
    errors = [line for line in done.stderr.splitlines() if not line.startswith(("results: ", "6 samples in "))]
    return done.returncode, sorted(done.stdout.splitlines()), sorted(errors)


def test_a_run_is_as_that_of_a_cold_command(own: Path, tmp_path: Path, tone: Tone) -> None:
    cold = cold_command("evaluate", *echo(own, tmp_path, tone, "cold"))
    for name in ("warm", "warm again"):
        warm = command("evaluate", *echo(own, tmp_path, tone, name))
        assert said(warm) == said(cold)
        for file in ("own/echo/predictions.jsonl", "own/echo/scores.json", "leaderboard.md"):
            assert (tmp_path / name / file).read_bytes() == (tmp_path / "cold" / file).read_bytes()
    assert warm.returncode == 1 and "a word\n" in warm.stdout and "a warning\n" in warm.stderr
    device = json.loads((tmp_path / "warm/run.json").read_text())["sessions"][0]["devices"][0]["device"]
    assert device == "cpu", "without torch, which this model does not import"


@pytest.mark.parametrize("words", ["evaluate model=whisper", "results no-such-command", "datasets_prep list"])
def test_words_and_status_are_those_of_a_cold_command(words: str) -> None:
    warm, cold = command(*words.split()), cold_command(*words.split())
    assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)


def test_a_changed_environment_is_the_commands_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "PYTHONVERBOSE", "1")
    assert "import 'results'" in command("results", "--help").stderr


def test_a_command_that_does_not_end_is_ended(own: Path, tmp_path: Path, tone: Tone) -> None:
    words = [*echo(own, tmp_path, tone, "run"), "+model.options.nap=60"]
    with pytest.raises(subprocess.TimeoutExpired):
        command("evaluate", *words, timeout=3)
    assert command("results", "--help").returncode == 0, "and the next one is run"
