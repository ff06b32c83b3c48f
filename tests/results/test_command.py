"""The command line over runs and files: leaderboard, rescore and score, without torch."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jiwer
import pytest
from support import CHECKOUT, ENVIRONMENT, command, write_manifest
from whisper_normalizer.english import EnglishTextNormalizer

from metrics.score import MetricSpec, ScoringSpec
from results import leaderboard
from results.run import ClipRecord, Failure, Prediction, RunDirectory, RunRecord, TaskRecord, draw_order
from results.scoring import score_task

PAIRS = [
    ("It's twenty two dollars.", "it is $22"),
    ("The colour is grey", "the color is gray"),
    ("one | two", "one <two>"),
    ("", ""),
]


def make_run(path: Path, model: str = "m|x", task: str = "asr/own", finished: bool = True) -> RunDirectory:
    """A run as the runner leaves it, one of whose five samples failed."""
    spec = ScoringSpec(
        metrics={"wer": MetricSpec("wer", "basic"), "cer": MetricSpec("cer")}, primary="wer", language="en"
    )
    directory = RunDirectory(path)
    with directory.claim():
        run = RunRecord(model, task, {}, {task: TaskRecord({"prompt": "p"}, spec.to_dict(), 5)}, {}, None)
        directory.write(run)
        clip = ClipRecord("a.wav", None, None, 1.0, "0" * 64)
        rows = [
            Prediction(
                f"s{number}", None, f"g{number % 3}", [reference], {}, "p", [clip], raw, "ok", [] if raw else ["empty"]
            )
            for number, (reference, raw) in enumerate(PAIRS)
        ]
        failure = Failure("missing", "b.wav is not there")
        rows.append(Prediction("s9", None, None, ["x"], {}, "p", [clip], None, "failed", error=failure))
        directory.journal(task).append(rows)
        if finished:
            directory.journal(task).finish()
            score_task(directory, run, task)
            leaderboard.write(directory)
    return directory


def run_results(*arguments: object) -> subprocess.CompletedProcess[str]:
    return command("results", *arguments)


def test_leaderboard_in_three_formats(tmp_path: Path) -> None:
    make_run(tmp_path / "one")
    make_run(tmp_path / "two", model="other")
    done = run_results("leaderboard", tmp_path / "one", tmp_path / "two", "--format", "json")
    rows = json.loads(done.stdout)
    assert [(row["model"], row["task"], row["metric"]) for row in rows] == [
        ("m|x", "asr/own", "wer"), ("m|x", "asr/own", "cer"), ("other", "asr/own", "wer"), ("other", "asr/own", "cer"),
    ]  # fmt: skip
    assert (rows[0]["expected"], rows[0]["scored"], rows[0]["failed"], rows[0]["empty"], rows[0]["n"]) == (
        5,
        4,
        1,
        1,
        4,
    )
    table = list(csv.DictReader(io.StringIO(run_results("leaderboard", tmp_path / "one", "--format", "csv").stdout)))
    assert float(table[0]["value"]) == rows[0]["value"] and table[0]["signature"] == rows[0]["signature"]
    text = run_results("leaderboard", tmp_path / "one").stdout
    assert text == (tmp_path / "one" / "leaderboard.md").read_text()
    assert "m\\|x" in text and "[1] `wer|norm:basic.1|" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1 and len(lines) == 4


def test_an_unfinished_run_says_so(tmp_path: Path) -> None:
    make_run(tmp_path / "one", finished=False)
    done = run_results("leaderboard", tmp_path / "one")
    assert done.returncode == 0 and "m\\|x on asr/own is not finished" in done.stdout
    for form, nothing in (("csv", ""), ("json", "[]")):
        done = run_results("leaderboard", tmp_path / "one", "--format", form)
        assert done.returncode == 0 and done.stdout.strip() == nothing and "is not finished" in done.stderr


def test_an_unfinished_run_is_not_scored(tmp_path: Path) -> None:
    """What is there by then is no fair draw: the long clips come first."""
    directory = make_run(tmp_path / "one", finished=False)
    journal = directory.journal("asr/own")
    journal.path.write_text("".join(journal.path.read_text().splitlines(keepends=True)[:2]))
    for options in ([], ["--write"]):
        done = run_results("rescore", tmp_path / "one", *options)
        assert done.returncode == 2 and "asr/own is not finished, 2 of 5 samples are answered" in done.stderr
    assert not (tmp_path / "one/asr/own/scores.json").exists()


def test_a_lower_limit_leaves_older_answers_out(tmp_path: Path) -> None:
    directory = make_run(tmp_path / "one")
    record = directory.must_read()
    record.tasks["asr/own"].expected = 2
    directory.write(record)
    chosen = sorted((f"s{number}" for number in (0, 1, 2, 3, 9)), key=draw_order)[:2]
    rows = json.loads(run_results("rescore", tmp_path / "one", "--json").stdout)
    assert rows[0]["expected"] == 2 and rows[0]["n"] == len([name for name in chosen if name != "s9"])


def test_rescore_prints_and_keeps_only_when_told(tmp_path: Path) -> None:
    make_run(tmp_path / "one")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"}
    done = run_results("rescore", tmp_path / "one", "--normalizer", "whisper_en", "--json")
    normalise = EnglishTextNormalizer()
    expected = 100 * jiwer.wer([normalise(pair[0]) for pair in PAIRS], [normalise(pair[1]) for pair in PAIRS])
    wer = json.loads(done.stdout)[0]
    assert wer["value"] == pytest.approx(expected, abs=1e-9) and "norm:whisper_en.1" in wer["signature"]
    assert {path: path.read_bytes() for path in before} == before
    assert "norm:basic.1" in run_results("rescore", tmp_path / "one").stdout
    done = run_results("rescore", tmp_path / "one", "--normalizer", "whisper_en", "--write")
    assert done.returncode == 0 and done.stdout == run_results("leaderboard", tmp_path / "one").stdout
    assert json.loads((tmp_path / "one/leaderboard.json").read_text())[0]["value"] == wer["value"]


def rows_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    return write_manifest(path, rows)


def test_score_any_file(tmp_path: Path) -> None:
    rows = [{"id": n, "prediction": raw, "reference": reference} for n, (reference, raw) in enumerate(PAIRS)]
    path = rows_file(tmp_path / "rows.jsonl", rows)
    done = run_results("score", path, "--metric", "wer", "--metric", "cer", "--json")
    wer, cer = json.loads(done.stdout)
    references, predictions = [pair[0] for pair in PAIRS], [pair[1] for pair in PAIRS]
    assert wer["value"] == pytest.approx(100 * jiwer.wer(references, predictions), abs=1e-9)
    assert cer["value"] == pytest.approx(100 * jiwer.cer(references, predictions), abs=1e-9)
    assert (wer["n"], wer["primary"], cer["primary"], wer["unit"], wer["higher_is_better"]) == (
        4,
        True,
        False,
        "%",
        False,
    )
    table = run_results("score", path, "--metric", "wer").stdout
    assert "| rows.jsonl" in table and f"{wer['value']:.2f}" in table
    labelled = rows_file(
        tmp_path / "labels.jsonl",
        [
            {"id": 1, "prediction": "It is a dog.", "references": ["dog"]},
            {"id": 2, "prediction": "dog or cat", "references": ["cat"]},
        ],
    )
    done = run_results(
        "score", labelled, "--metric", "accuracy", "--extractor", "label", "--label", "dog", "--label", "cat", "--json"
    )
    assert json.loads(done.stdout)[0]["value"] == 50.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["score", "{file}", "--metric", "weer"], "did you mean 'wer'?"),
        (["score", "{file}", "--metric", "wer", "--normalizer", "qwen_adio"], "did you mean 'qwen_audio'?"),
        (["score", "{file}", "--metric", "wer", "--extractor", "quote"], "did you mean 'quoted'?"),
        (["score", "{file}", "--metric", "wer", "--normalizer", "qwen2_audio"], "language"),
        (["score", "{file}", "--metric", "accuracy", "--extractor", "label"], "label"),
        (["score", "{folder}/none.jsonl", "--metric", "wer"], "no file at"),
        (["score", "{folder}/bad.jsonl", "--metric", "wer"], "line 2: no 'prediction'; the keys are id, reference"),
        (["leaderboard", "{folder}"], "is no run directory: it holds no run.json"),
        (["rescore", "{folder}/none"], "is no run directory"),
        (["score", "{folder}/both.jsonl", "--metric", "wer"], "keep one"),
        (["score", "{folder}/odd.jsonl", "--metric", "wer", "--normalizer", "qwen2_audio"], "'language' is 5"),
        (
            ["score", "{file}", "--metric", "macro_f1", "--extractor", "label", "--label", "x"],
            "is not in the label set",
        ),
    ],
)
def test_one_sentence_and_status_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    good = {"id": 1, "prediction": "a", "reference": "a"}
    path = rows_file(tmp_path / "rows.jsonl", [good])
    rows_file(tmp_path / "bad.jsonl", [good, {"id": 2, "reference": "a"}])
    rows_file(tmp_path / "both.jsonl", [good | {"references": ["a"]}])
    rows_file(tmp_path / "odd.jsonl", [good | {"language": 5}])
    done = run_results(*[argument.format(file=path, folder=tmp_path) for argument in arguments])
    assert done.returncode == 2 and done.stdout == ""
    assert said in done.stderr and done.stderr.startswith("results: ") and done.stderr.count("\n") == 1


def test_neither_results_nor_metrics_knows_torch(tmp_path: Path) -> None:
    make_run(tmp_path / "one")
    (tmp_path / "poison" / "torch").mkdir(parents=True)
    (tmp_path / "poison/torch/__init__.py").write_text("raise ImportError('torch was imported')")
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.argv[0] = 'results'\n"
        "from results.__main__ import run\nrun()"
    )
    for arguments in (["leaderboard", "one"], ["rescore", "one", "--normalizer", "whisper_en"]):
        arguments[1] = str(tmp_path / arguments[1])
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "poison", *arguments],
            cwd=CHECKOUT, env=ENVIRONMENT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_a_reader_that_has_gone_away_is_no_fault(tmp_path: Path) -> None:
    make_run(tmp_path / "one")
    line = f"{sys.executable} -m results leaderboard {tmp_path / 'one'} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=CHECKOUT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stdout == "0\n" and done.stderr == ""
