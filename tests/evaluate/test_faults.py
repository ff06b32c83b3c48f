"""Runs whose processes are killed, stopped and starved, for real; with a double of a model, so that it takes seconds."""

import json
import multiprocessing.forkserver
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import alive, children, command_of, kill, wait_until_gone, workers
from support import command, read_lines, start, wait_for_lines, write_manifest

Tone = Callable[..., Path]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the workers of a run in /proc")


def echo(own: Path, manifest: Path, run: Path, *more: str) -> list[str]:
    return [
        f"hydra.searchpath=['file://{own}']",
        "task=own/echo",
        "model=echo",
        f"task.corpus.manifest={manifest}",
        f"run.dir={run}",
        *more,
    ]


def many(folder: Path, tone: Tone, count: int, **special: dict[str, Any]) -> Path:
    """Samples of ten lengths, which share ten files; keywords change those of the name."""
    files = [tone(f"{number}.wav", 0.1 + number / 50).name for number in range(10)]
    rows = [
        {
            "id": f"s{number:03}",
            "audio": files[number % 10],
            "reference": "x",
            "hint": "",
            **special.get(f"s{number:03}", {}),
        }
        for number in range(count)
    ]
    return write_manifest(folder / "m.jsonl", rows)


def answers(run: Path) -> bytes:
    return (run / "own/echo/predictions.jsonl").read_bytes()


def lines(run: Path) -> int:
    path = run / "own/echo/predictions.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize("more", [["engine.devices=2"], ["engine.devices=[cpu,cpu,cpu,cpu]", "batch.max_clips=1"]])
def test_the_same_bytes_from_any_number_of_workers(own: Path, tmp_path: Path, tone: Tone, more: list[str]) -> None:
    manifest = many(tmp_path, tone, 60)
    for run, extra in (("one", ["engine.devices=cpu"]), ("many", more)):
        done = command("evaluate", *echo(own, manifest, tmp_path / run, *extra))
        assert done.returncode == 0, done.stderr
    assert answers(tmp_path / "one") == answers(tmp_path / "many")
    devices = json.loads((tmp_path / "many/run.json").read_text())["sessions"][0]["devices"]
    assert sum(device["samples"] for device in devices) >= 60 and all(device["workers"] == 1 for device in devices)


def test_killed_twenty_times_and_its_parent_twice(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = many(tmp_path, tone, 400)
    arguments = echo(
        own, manifest, tmp_path / "run", "engine.devices=2", "batch.max_clips=4", "+model.options.nap=0.05"
    )
    undisturbed = command("evaluate", *echo(own, manifest, tmp_path / "quiet", "engine.devices=cpu"))
    assert undisturbed.returncode == 0, undisturbed.stderr
    draw, kills, seen = random.Random(6), 0, 0
    process = start("evaluate", *arguments)
    while process.poll() is None:
        found = workers(process.pid)
        if kills < 20 and found and lines(tmp_path / "run") > seen:
            seen = lines(tmp_path / "run")
            kill(draw.choice(found))
            kills += 1
            if kills in (7, 14):
                kill(process.pid)
                process.wait()
                assert not wait_until_gone(found, 5)
                process = start("evaluate", *arguments)
        time.sleep(0.005)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert kills == 20
    assert answers(tmp_path / "run") == answers(tmp_path / "quiet")
    sessions = json.loads((tmp_path / "run/run.json").read_text())["sessions"]
    assert len(sessions) == 3 and sum(device["workers"] for device in sessions[-1]["devices"]) > 2


def test_a_sample_that_kills_its_worker_every_time(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = many(tmp_path, tone, 40, s017={"does": "die"})
    done = command("evaluate", *echo(own, manifest, tmp_path / "run", "engine.devices=2", "batch.max_clips=8"))
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    records = read_lines(tmp_path / "run/own/echo/predictions.jsonl")
    (failed,) = [record for record in records if record["status"] == "failed"]
    assert len(records) == 40 and failed["id"] == "s017"
    assert failed["error"]["code"] == "crash" and failed["error"]["message"].startswith(
        "3 workers in a row died with this sample alone (0.2 s of audio); the last one was killed by SIGKILL"
    )


def test_however_a_worker_ends_the_run_goes_on(own: Path, tmp_path: Path, tone: Tone) -> None:
    """With a child that keeps its pipe, with a thread that runs on, after words of its own, with no text to say."""
    does = {"s001": "orphan", "s003": "quit", "s004": "scribble", "s007": "signal"}
    once = {name: {"does": what, "once": str(tmp_path / name)} for name, what in does.items()}
    manifest = many(tmp_path, tone, 8, s006={"does": "garble"}, **once)
    done = command("evaluate", *echo(own, manifest, tmp_path / "run", "batch.max_clips=1"))
    assert done.returncode == 1 and "Traceback (" not in done.stderr, done.stderr
    for why in (
        "was killed by SIGKILL",
        "failed: SystemExit: no message",
        "sent what is no message",
        "was killed by signal 40;",
    ):
        assert f"worker 0 {why}" in done.stderr
    records = read_lines(tmp_path / "run/own/echo/predictions.jsonl")
    assert len(records) == 8
    assert [(record["id"], record["error"]["message"]) for record in records if record["error"]] == [
        ("s006", "ValueError: no text ?")
    ]


def test_a_model_that_always_dies_stops_with_status_3(own: Path, tmp_path: Path, tone: Tone) -> None:
    every = {f"s{number:03}": {"does": "die"} for number in range(40)}
    manifest = many(tmp_path, tone, 40, **every)
    arguments = echo(own, manifest, tmp_path / "run", "engine.devices=2", "batch.max_clips=4")
    done = command("evaluate", *arguments)
    assert done.returncode == 3 and "Traceback" not in done.stderr, done.stderr
    assert "stopped early: worker" in done.stderr and "the same command goes on" in done.stderr
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["sessions"][0]["status"] == 3


def test_a_sample_that_stalls(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = many(tmp_path, tone, 6, s003={"does": "stall"})
    done = command("evaluate", *echo(own, manifest, tmp_path / "run", "batch.max_clips=2", "batch.timeout=0.5"))
    assert done.returncode == 1, done.stderr
    (failed,) = [record for record in read_lines(tmp_path / "run/own/echo/predictions.jsonl") if record["error"]]
    assert failed["id"] == "s003" and failed["error"]["code"] == "timeout"
    assert "gave no answer within 0.5 s" in failed["error"]["message"]


def test_a_stopped_worker_is_replaced(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = many(tmp_path, tone, 40)
    arguments = echo(own, manifest, tmp_path / "run", "batch.max_clips=1", "batch.timeout=1", "+model.options.nap=0.05")
    process = start("evaluate", *arguments)
    wait_for_lines(tmp_path / "run/own/echo/predictions.jsonl", 2, process)
    (worker,) = workers(process.pid)
    os.kill(worker, signal.SIGSTOP)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0 and "gave no answer within 1 s" in said and not alive(worker)
    assert lines(tmp_path / "run") == 40


@pytest.mark.parametrize("does", ["stall", "hold"])
def test_no_worker_outlives_its_parent(own: Path, tmp_path: Path, tone: Tone, does: str) -> None:
    """Not even one whose native code holds the interpreter."""
    manifest = many(tmp_path, tone, 12, s000={"does": does})
    arguments = echo(own, manifest, tmp_path / "run", "engine.devices=2", "batch.max_clips=1")
    process = start("evaluate", *arguments)
    wait_for_lines(tmp_path / "run/own/echo/predictions.jsonl", 11, process)
    family = [process.pid, *children(process.pid), *workers(process.pid)]
    assert len(workers(process.pid)) == 2
    kill(process.pid)
    assert not wait_until_gone(family[1:], 5)
    done = command("evaluate", *arguments, "show=prompt")
    process = start("evaluate", *arguments)
    time.sleep(1.0)
    assert done.returncode == 0 and process.poll() is None, "nothing that was left holds the directory"
    os.kill(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 143 and "the same command goes on" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_is_the_parents_to_hear(
    own: Path, tmp_path: Path, tone: Tone, number: signal.Signals
) -> None:
    manifest = many(tmp_path, tone, 60)
    arguments = echo(own, manifest, tmp_path / "run", "engine.devices=2", "batch.max_clips=1", "+model.options.nap=0.1")
    process = start("evaluate", *arguments)
    wait_for_lines(tmp_path / "run/own/echo/predictions.jsonl", 4, process)
    family = [*children(process.pid), *workers(process.pid)]
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 128 + number and "Traceback" not in said and "worker" not in said, said
    assert not wait_until_gone(family, 5)
    there = lines(tmp_path / "run")
    done = command("evaluate", *arguments)
    assert done.returncode == 0 and 4 <= there < 60 and lines(tmp_path / "run") == 60


def test_a_second_interruption_leaves_nothing_behind(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = many(tmp_path, tone, 60)
    arguments = echo(own, manifest, tmp_path / "run", "engine.devices=3", "batch.max_clips=1", "+model.options.nap=0.1")
    process = start("evaluate", *arguments)
    wait_for_lines(tmp_path / "run/own/echo/predictions.jsonl", 4, process)
    family = [*children(process.pid), *workers(process.pid)]
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.001)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert process.returncode in (130, -signal.SIGINT) and "the same command goes on" in said
    assert not wait_until_gone(family, 5)


def test_a_full_disk_and_room_made(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = many(tmp_path, tone, 30)
    arguments = echo(own, manifest, tmp_path / "run", "batch.max_clips=4")
    journal = tmp_path / "run/own/echo/predictions.jsonl"
    assert command("evaluate", *arguments, "limit=4").returncode == 0
    before = journal.read_bytes()
    journal.unlink()
    journal.symlink_to("/dev/full")  # a device that is full, always
    done = command("evaluate", *arguments)
    assert done.returncode == 3 and "Traceback" not in done.stderr, done.stderr
    assert "stopped early: No space left on device" in done.stderr and "the same command goes on" in done.stderr
    journal.unlink()
    journal.write_bytes(before + b'{"id": "s0')
    done = command("evaluate", *arguments)
    assert done.returncode == 0 and lines(tmp_path / "run") == 30, done.stderr


def test_a_second_run_on_one_directory_is_refused(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = many(tmp_path, tone, 30)
    arguments = echo(own, manifest, tmp_path / "run", "batch.max_clips=1", "+model.options.nap=0.3")
    process = start("evaluate", *arguments)
    wait_for_lines(tmp_path / "run/own/echo/predictions.jsonl", 1, process)
    done = command("evaluate", *arguments)
    assert done.returncode == 2 and f"is in use by another run (process {process.pid} on" in done.stderr
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=10)


def test_the_process_that_workers_come_from_may_be_killed(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = many(tmp_path, tone, 40)
    arguments = echo(own, manifest, tmp_path / "run", "engine.devices=2", "batch.max_clips=1", "+model.options.nap=0.1")
    process = start("evaluate", *arguments)
    wait_for_lines(tmp_path / "run/own/echo/predictions.jsonl", 4, process)
    (source,) = [child for child in children(process.pid) if "forkserver" in command_of(child)]
    before = workers(process.pid)
    kill(source)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0 and "Traceback" not in said and lines(tmp_path / "run") == 40, said
    assert not wait_until_gone(before, 1)


@pytest.mark.parametrize("times", [1, 2])
def test_it_may_be_killed_in_the_very_moment_that_a_worker_starts(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluate.engines import local
    from evaluate.engines.dispatch import EngineError

    monkeypatch.setattr(local, "_ensure_running", lambda: None)

    class Double:
        """Of a process."""

        starts = 0

        def start(self) -> None:
            self.starts += 1
            if self.starts <= times:
                raise EOFError("unexpected EOF")

    process: Any = Double()
    if times == 1:
        local._start(process)
    else:
        with pytest.raises(EngineError, match="no process can be started"):
            local._start(process)
    assert process.starts == 2


def test_workers_come_from_a_process_that_touched_no_device() -> None:
    from evaluate.engines.local import _forkserver

    multiprocessing.forkserver._forkserver._stop()  # type: ignore[attr-defined]  # that of another test, if there is one
    context = _forkserver(["torch"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(theirs,))
    process.start()
    told = ours.recv()
    process.join()
    assert told == {"imported": True, "initialized": False, "interrupts": True, "terminations": True}


@pytest.mark.parametrize("seconds", [0, 30])
def test_a_driver_that_does_not_answer_is_no_machine_without_gpus(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evaluate.engines import local
    from evaluate.engines.dispatch import EngineError

    monkeypatch.setattr(local, "COUNT_SECONDS", seconds)
    monkeypatch.setattr(local, "_count", _end)
    with pytest.raises(EngineError, match="does not say how many GPUs there are"):
        local._gpus(local._forkserver(["torch"]))


def _end(pipe: Any) -> None:
    os._exit(1)


def _tell(pipe: Any) -> None:
    torch = sys.modules.get("torch")
    pipe.send(
        {
            "imported": torch is not None,
            "initialized": torch is not None and torch.cuda.is_initialized(),
            "interrupts": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
            "terminations": signal.getsignal(signal.SIGTERM) is signal.SIG_IGN,
        }
    )
