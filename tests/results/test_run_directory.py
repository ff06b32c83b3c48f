"""Run directories: records survive a kill at any byte, and a directory that cannot be used is refused."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support import CHECKOUT

from metrics.score import Counts, Score
from results.files import RunError, write_text
from results.fingerprint import differences, refuse_other_answers
from results.journal import ClipRecord, Failure, Journal, Prediction
from results.run import RunDirectory, RunRecord, TaskRecord, TaskScores, new_session


def prediction(identity: str, raw: str | None = "text") -> Prediction:
    clip = ClipRecord("a.wav", None, None, 1.0, "0" * 64)
    failure = None if raw is not None else Failure("missing", "a.wav is not there")
    return Prediction(
        identity, None, None, ["r"], {"k": [1]}, "p", [clip], raw, "ok" if raw is not None else "failed", error=failure
    )


def record(**asked: str) -> RunRecord:
    return RunRecord("m", "t", {}, {"t": TaskRecord(asked, {}, 1)}, {}, None, [new_session()])


def test_a_kill_at_any_byte_loses_at_most_the_torn_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "t" / "predictions.jsonl")
    assert journal.read() == {}
    journal.append([prediction("b"), prediction("a", None)])
    whole = journal.path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(len(whole)):
        journal.path.write_bytes(whole[:cut])
        assert list(journal.read()) == (["b"] if cut >= first else [])
        journal.repair()
        journal.append([prediction("c\u2028d", "é\u2028\n\0😀")])
        assert list(journal.read()) == (["b"] if cut >= first else []) + ["c\u2028d"]


def test_the_last_line_of_an_id_wins_and_the_end_is_sorted(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "predictions.jsonl")
    journal.append([prediction("b"), prediction("a", None), prediction("a", "later")])
    journal.finish()
    records = journal.read()
    assert list(records) == ["a", "b"] and records["a"]["raw"] == "later"
    lines = journal.path.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        dataclasses.asdict(p) for p in (prediction("a", "later"), prediction("b"))
    ]
    assert list(json.loads(lines[0])) == [field.name for field in dataclasses.fields(Prediction)]
    before = journal.path.read_bytes()
    journal.finish()
    assert journal.path.read_bytes() == before and not list(tmp_path.glob("*.part"))


def test_a_journal_is_read_in_parts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "predictions.jsonl")
    assert journal.standings() == {}
    journal.finish()
    assert journal.path.read_bytes() == b"" and journal.read() == {}
    journal.append([prediction("b", None), prediction("a", None), prediction("b", "later")])
    assert journal.standings() == {"b": None, "a": "a.wav is not there"}
    assert journal.read(("raw", "nothing")) == {"b": {"raw": "later"}, "a": {"raw": None}}
    with journal.path.open("ab") as file:
        file.write(b'{"id": "c"')
    journal.finish()
    assert list(journal.standings()) == ["a", "b"] and journal.path.read_bytes().endswith(b"}\n")


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "predictions.jsonl")
    journal.append([prediction("a")])
    for damage in (
        b"\0\0\0\n",
        b"[]\n",
        b'{"raw": 1}\n',
        b'{"id": "a", "references": [], "fields": {}, "status": "failed"}\n',
        b'{"id": "a", "references": [], "fields": {"k": NaN}, "status": "ok", "raw": ""}\n',
        b'{"id": "a", "references": [], "fields": {}, "status": "ok", "raw": "", "audio": [1]}\n',
        b'{"id": "a", "references": [], "fields": {}, "status": "ok", "raw": "", "flags": "empty"}\n',
        b'{"id": "a", "references": [], "fields": {}, "status": "ok", "raw": "", "new_tokens": "1"}\n',
        b"[" * 100_000 + b"\n",
    ):
        journal.path.write_bytes(damage + prediction("a").to_json().encode() + b"\n")
        for reading in (journal.read, journal.standings, journal.finish):
            with pytest.raises(RunError, match="line 1 is damaged: restore the file"):
                reading()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.update(task="other"),
        lambda data: data.update(asked={"prompt": 1}),
        lambda data: data["counts"].update(failed=["a"]),
        lambda data: data["scores"][0].update(ci95=[1.0]),
        lambda data: data["scores"][0].update(ci95="ab"),
        lambda data: data["scores"][0].update(value=float("inf")),
        lambda data: data["scores"][0].update(higher_is_better="no"),
    ],
)
def test_damaged_scores_are_refused(tmp_path: Path, damage: Callable[[dict[str, Any]], None]) -> None:
    directory = RunDirectory(tmp_path)
    score = Score("wer", None, 1.0, [0.5, 2.0], 9, "wer", False, True, "%")
    written = TaskScores("t", "m", {"prompt": "p"}, {}, Counts(9, 9, 0, 0, 0, 0, 0, 0), [score])
    directory.write_scores(written)
    assert directory.read_scores("t") == written
    path = tmp_path / "t" / "scores.json"
    data = json.loads(path.read_text())
    damage(data)
    path.write_text(json.dumps(data))
    with pytest.raises(RunError, match=r"scores\.json is no record of scores"):
        directory.read_scores("t")


HOLD = """
import sys, time
from results.run import RunDirectory
with RunDirectory(sys.argv[1]).claim():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_claim_holds_against_others_and_ends_with_its_process(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "run"], stdout=subprocess.PIPE, cwd=CHECKOUT)
    assert holder.stdout and holder.stdout.readline() == b"held\n"
    directory = RunDirectory(tmp_path / "run")
    with pytest.raises(RunError, match=f"in use by another run \\(process {holder.pid} on "), directory.claim():
        pass
    holder.kill()
    holder.wait()
    with directory.claim():
        pass


def test_run_json_comes_back_as_it_went(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    assert directory.read() is None
    with pytest.raises(RunError, match="is no run directory"):
        directory.must_read()
    written = record(prompt="p")
    with directory.claim():
        directory.write(written)
    assert directory.read() == written
    path = directory.path / "run.json"
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 99'))
    with pytest.raises(RunError, match="has schema version 99"):
        directory.read()
    path.write_text("{}")
    with pytest.raises(RunError, match="is no record of a run"):
        directory.read()


def test_fresh_keeps_the_old_run(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    for _ in range(3):
        with directory.claim():
            directory.move_aside()
            directory.write(record())
    assert len([path for path in tmp_path.iterdir() if (path / "run.json").exists()]) == 3


def test_a_run_that_is_moved_aside_in_part_still_says_what_it_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = RunDirectory(tmp_path / "run")
    moved: list[str] = []

    def rename(path: Path, target: Path) -> None:
        if moved:
            raise OSError(28, "No space left on device")
        moved.append(path.name)

    with directory.claim():
        directory.write(record())
        for task in "st":
            directory.journal(task).append([prediction("a")])
        monkeypatch.setattr(Path, "rename", rename)
        with pytest.raises(RunError, match="cannot be moved aside"):
            directory.move_aside()
    assert moved != ["run.json"]


def test_answers_of_which_nothing_says_to_what_are_refused(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    asked = {"t": {"prompt": "p"}}
    with directory.claim():
        directory.write(record(prompt="p"))
        directory.journal("t").append([prediction("a")])
        refuse_other_answers(directory, asked, {})
        (directory.path / "run.json").unlink()
        with pytest.raises(RunError, match=r"holds answers of t, and no run\.json says to what"):
            refuse_other_answers(directory, asked, {})
        directory.move_aside()
        refuse_other_answers(directory, asked, {})


def test_a_full_disk_and_one_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".lock").symlink_to("/dev/full")
    with RunDirectory(tmp_path).claim():
        pass

    def flock(*arguments: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(RunError, match=r"cannot be locked \(No locks available\)"), RunDirectory(tmp_path).claim():
        pass


def test_what_is_no_run_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    for name, said in (("file", "is a file"), ("full", "holds other files"), ("file/below", "cannot be written")):
        with pytest.raises(RunError, match=said), RunDirectory(tmp_path / name).claim():
            pass


def test_differences_name_what_differs() -> None:
    before, now = {"prompt": "a", "weights": "0" * 64, "same": "s"}, {"prompt": "b", "weights": "1" * 64, "same": "s"}
    assert differences(before, now) == ["prompt (a before, b now)", "weights"]
    assert differences({}, {"prompt": "b"}) == ["prompt (nothing before, b now)"]
    assert differences(now, now) == []
    assert differences(now, {**now, "prompt": "c"}, ("in A", "in B")) == ["prompt (b in A, c in B)"]


def test_of_settings_those_are_named_that_differ() -> None:
    before, now = (
        {"generation": '{"max_new_tokens": 256, "seed": 0}'},
        {"generation": '{"max_new_tokens": 8, "seed": 0}'},
    )
    assert differences(before, now) == ["generation.max_new_tokens (256 before, 8 now)"]
    more = {"generation": '{"max_new_tokens": 256, "seed": 0, "top_p": 1.0}'}
    assert differences(before, more) == ["generation.top_p (nothing before, 1.0 now)"]
    assert differences(before, {"generation": "none"}) == [f"generation ({before['generation']} before, none now)"]


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    """As root a file could take the place of /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        reader = pool.submit(pipe.read_text)
        write_text(pipe, "a\nb\n")
        assert reader.result(10) == "a\nb\n" and pipe.is_fifo()
    for folder in (tmp_path, Path()):
        with pytest.raises(IsADirectoryError):
            write_text(folder, "a")
    assert [*tmp_path.iterdir()] == [pipe]
