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

from metrics.score import METRICS, MetricSpec, ScoringSpec
from results import catalogue, leaderboard
from results.__main__ import app
from results.journal import ClipRecord, Failure, Prediction
from results.run import RunDirectory, RunRecord, TaskRecord, draw_order
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


def published(path: Path) -> RunDirectory:
    """A run with a row as published beside its own, in two subsets."""
    metrics = {
        "wer": MetricSpec("wer", "basic"),
        "wer_qwen_audio": MetricSpec("wer", "qwen_audio"),
        "cer": MetricSpec("cer", "basic"),
    }
    directory = RunDirectory(path)
    with directory.claim():
        spec = ScoringSpec(metrics, primary="wer", language="en").to_dict()
        run = RunRecord("m", "own", {}, {"own": TaskRecord({}, spec, len(PAIRS))}, {}, None)
        directory.write(run)
        directory.journal("own").append(
            [
                Prediction(f"s{n}", f"t{n % 2}", None, [reference], {}, "p", [], raw, "ok")
                for n, (reference, raw) in enumerate(PAIRS)
            ]
        )
        directory.journal("own").finish()
        score_task(directory, run, "own")
        leaderboard.write(directory)
    return directory


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line[0:1] == "|"]


def test_rows_as_published_keep_their_own_way_to_score(tmp_path: Path) -> None:
    published(tmp_path / "one")
    done = run_results("rescore", tmp_path / "one", "--normalizer", "whisper_en", "--json")
    assert "as published, and so unchanged: wer_qwen_audio (--all changes them too)" in done.stderr
    kept = {row["metric"]: row["signature"] for row in json.loads(done.stdout)}
    assert (
        "norm:qwen_audio.1" in kept["wer_qwen_audio"]
        and "norm:whisper_en.1" in kept["wer"]
        and "whisper" in kept["cer"]
    )
    done = run_results("rescore", tmp_path / "one", "--normalizer", "whisper_en", "--all", "--json")
    assert done.stderr == "" and all("norm:whisper_en.1" in row["signature"] for row in json.loads(done.stdout))
    assert run_results("rescore", tmp_path / "one").stderr == ""


def test_several_normalisers_print_the_spread_and_write_nothing(tmp_path: Path) -> None:
    published(tmp_path / "one")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"}
    names = ("--normalizer", "none", "--normalizer", "whisper_en", "--normalizer", "none")
    done = run_results("rescore", tmp_path / "one", *names)
    head, _, *lines = cells(done.stdout)
    assert head == ["task", "subset", "metric", "as run", "none", "whisper_en", "range"]
    assert [line[1:3] for line in lines[:4]] == [
        ["all", "wer ↓ (%)"], ["all", "wer_qwen_audio ↓ (%)"], ["all", "cer ↓ (%)"], ["t0", "wer ↓ (%)"],
    ]  # fmt: skip
    alone = {
        name: json.loads(run_results("rescore", tmp_path / "one", "--normalizer", name, "--json").stdout)
        for name in ("none", "whisper_en", "basic")
    }
    for place, line in enumerate(lines):
        values = [alone[name][place]["value"] for name in ("basic", "none", "whisper_en")]
        shown = [f"{value:.2f}" for value in values]
        if "qwen_audio" in line[2]:
            assert line[3:] == [shown[0], "–", "–", "0.00"]
        else:
            assert line[3:] == [*shown, f"{max(values) - min(values):.2f}"]
    records = json.loads(run_results("rescore", tmp_path / "one", *names, "--json").stdout)
    assert [value["normalizer"] for value in records[0]["values"]] == [None, "none", "whisper_en"]
    assert records[0]["range"] == [
        min(value["value"] for value in records[0]["values"]),
        max(value["value"] for value in records[0]["values"]),
    ]
    done = run_results("rescore", tmp_path / "one", *names, "--write")
    assert done.returncode == 2 and done.stdout == "" and "--write keeps one way to score" in done.stderr
    assert {path: path.read_bytes() for path in before} == before


def test_a_combination_that_does_not_apply_is_a_dash_and_a_sentence(tmp_path: Path) -> None:
    published(tmp_path / "one")
    both = ("--normalizer", "none", "--normalizer", "basic", "--extractor", "exact", "--extractor", "choice")
    done = run_results("rescore", tmp_path / "one", *both)
    head, _, *lines = cells(done.stdout)
    assert head[4:-1] == ["none · exact", "none · choice", "basic · exact", "basic · choice"]
    assert lines[0][5] == lines[0][7] == "–" and lines[0][3] == lines[0][6]
    assert (
        "own: none · choice does not apply to wer, cer: row 's1': extractor 'choice' needs the field 'choices'"
        in done.stdout
    )
    done = run_results("rescore", tmp_path / "one", "--normalizer", "none", "--normalizer", "bsic")
    assert done.returncode == 2 and "did you mean 'basic'?" in done.stderr and done.stdout == ""


def test_intervals_of_another_method_say_so(tmp_path: Path) -> None:
    published(tmp_path / "one")
    done = run_results("rescore", tmp_path / "one", "--interval", "bca", "--write")
    assert done.returncode == 0 and " (bca) |" in done.stdout
    rows = json.loads((tmp_path / "one/leaderboard.json").read_text())
    assert {row["ci_method"] for row in rows} == {"bca"}
    assert " (bca) |" in run_results("leaderboard", tmp_path / "one").stdout
    assert "bca" not in run_results("rescore", tmp_path / "one").stdout


def test_the_list_of_metrics() -> None:
    entries = {entry["name"]: entry for entry in json.loads(run_results("metrics", "--format", "json").stdout)}
    assert set(entries) == set(METRICS)
    wer = entries["wer"]
    assert (wer["unit"], wer["higher_is_better"], wer["range"], wer["options"]) == ("%", False, [0.0, None], {})
    assert wer["meaning"].startswith("Word error rate: ") and wer["signature"].startswith("wer|norm:none.1|tok:word|")
    assert entries["bleu"]["meaning"].startswith("Corpus BLEU (Papineni et al. 2002), 0 to 100: mixed case")
    for entry in entries.values():
        assert entry["meaning"].endswith(".") and (entry["signature"] or entry["unavailable"])
    head, _, *lines = cells(run_results("metrics").stdout)
    assert head == ["metric", "unit", "better", "range", "options", "meaning", "signature"]
    assert [line[0] for line in lines] == sorted(METRICS) and "0 to ∞" in lines[
        [line[0] for line in lines].index("wer")
    ]


def test_a_metric_that_is_not_available_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    class Absent(METRICS["wer"]):  # type: ignore[name-defined,misc]
        """Needs what is not there. And more."""

        options = {"jar": "a.jar", "folds": 3}

        def missing(self) -> str | None:
            return "no Java; install one"

    monkeypatch.setitem(METRICS, "wer", Absent)
    (entry,) = [entry for entry in catalogue.entries() if entry.name == "wer"]
    assert (entry.signature, entry.unavailable, entry.meaning) == (
        None,
        "no Java; install one",
        "Needs what is not there.",
    )
    assert "| jar=a.jar, folds=3 | Needs what is not there. | not available here: no Java; install one" in " ".join(
        catalogue.as_markdown().split()
    )


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
        (["score", "{folder}/chinese.jsonl", "--metric", "wer"], "row '1': 'language' is 'Chinese'; write its code"),
        (
            ["score", "{file}", "--metric", "bleu", "--option", "tokenize"],
            "an --option without '='; write --option KEY=VALUE",
        ),
        (["score", "{folder}/several.jsonl", "--metric", "wer"], "several right answers are written as 'references'"),
        (["score", "{folder}/several.jsonl", "--metric", "mean_ap", "--metric", "cer"], "metric 'cer' compares texts"),
        (["score", "{folder}/several.jsonl", "--metric", "top_k"], "write several as 'references'"),
        (["score", "{folder}/several.jsonl", "--metric", "mean_ap", "--normalizer", "basic"], "use 'none'"),
        (["score", "{folder}/letter.jsonl", "--metric", "accuracy", "--normalizer", "basic"], "leaves nothing of the"),
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
    rows_file(tmp_path / "chinese.jsonl", [good | {"language": "Chinese"}])
    rows_file(tmp_path / "several.jsonl", [good | {"reference": ["a", "b"]}])
    rows_file(tmp_path / "letter.jsonl", [good | {"reference": "(A)"}])
    done = run_results(*[argument.format(file=path, folder=tmp_path) for argument in arguments])
    assert done.returncode == 2 and done.stdout == ""
    assert said in done.stderr and done.stderr.startswith("results: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scor"], "results: No such command 'scor'. Did you mean 'score', 'rescore'?\n"),
        (["score"], "results: Missing argument 'FILE'\n"),
        (["score", "x.jsonl"], "results: Missing option '--metric'\n"),
        (["score", "x.jsonl", "--metric"], "results: Option '--metric' requires an argument\n"),
        (["metrics", "--bogus"], "results: No such option: --bogus\n"),
        (["leaderboard", "x", "--format", "y"], "'y' is not one of 'terminal', 'md', 'csv', 'json', 'latex', 'html'\n"),
    ],
)
def test_usage_is_told_in_one_sentence(arguments: list[str], said: str) -> None:
    done = run_results(*arguments)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.endswith(said)
    assert done.stderr.startswith("results: ") and done.stderr.count("\n") == 1


def test_without_a_command_there_is_help() -> None:
    bare, asked = run_results(), run_results("--help")
    assert bare.returncode == asked.returncode == 0 and bare.stdout == asked.stdout and "leaderboard" in bare.stdout


def test_help_is_broken_into_lines_by_the_terminal_alone() -> None:
    said = [command.help or "" for command in app.registered_commands]
    assert len(said) == 10 and all(said) and not any("\n" in part for text in said for part in text.split("\n\n"))


def test_neither_results_nor_metrics_knows_torch(tmp_path: Path) -> None:
    make_run(tmp_path / "one")
    (tmp_path / "poison" / "torch").mkdir(parents=True)
    (tmp_path / "poison/torch/__init__.py").write_text("raise ImportError('torch was imported')")
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.argv[0] = 'results'\n"
        "from results.__main__ import run\nrun()"
    )
    for arguments in (
        ["leaderboard", "one"],
        ["leaderboard", "one", "--layout", "board"],
        ["rescore", "one", "--normalizer", "whisper_en"],
        ["export", "one", "--to", "parquet", "--output", str(tmp_path / "out.parquet")],
    ):
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
