"""The same answers, whatever the machine: workers, batches, interruptions; with a real model on the miniature."""

import os
import signal
from pathlib import Path

import pytest
from support import command, start, wait_for_lines

TASKS = ("asr/librispeech", "s2tt/covost2_en_de", "s2tt/covost2_de_en", "asc/cochlscene", "aqa/clothoaqa")


def answers(run: Path) -> dict[str, bytes]:
    return {task: (run / task / "predictions.jsonl").read_bytes() for task in TASKS}


def demo(run: Path, *more: str) -> list[str]:
    return ["suite=quick", "data=miniature", "model=tiny", f"run.dir={run}", *more]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Answers of one worker, with batches as they are by default."""
    run = tmp_path_factory.mktemp("alone")
    done = command("evaluate", *demo(run, "engine.devices=cpu"))
    assert done.returncode == 0, done.stderr
    return answers(run)


@pytest.mark.parametrize(
    "more",
    [
        ["engine.devices=2"],
        ["engine.devices=4", "engine.threads=1"],
        ["engine.devices=2", "batch.max_clips=1"],
        ["batch.max_seconds=10"],
        ["batch.max_tokens=500"],
        ["batch.max_seconds=600", "batch.max_clips=64"],
    ],
    ids=" ".join,
)
def test_workers_and_budgets_change_no_byte(alone: dict[str, bytes], tmp_path: Path, more: list[str]) -> None:
    done = command("evaluate", *demo(tmp_path / "run", *more))
    assert done.returncode == 0, done.stderr
    assert answers(tmp_path / "run") == alone


def test_an_interruption_and_a_resume_on_more_devices_change_no_byte(alone: dict[str, bytes], tmp_path: Path) -> None:
    process = start("evaluate", *demo(tmp_path / "run", "batch.max_clips=2"))
    wait_for_lines(tmp_path / "run" / TASKS[0] / "predictions.jsonl", 2, process)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    done = command("evaluate", *demo(tmp_path / "run", "engine.devices=2"))
    assert done.returncode == 0 and "are there" in done.stderr, done.stderr
    assert answers(tmp_path / "run") == alone
