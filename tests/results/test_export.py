"""Export: samples and scores as tables, and the results of a model card as the hub's own library reads them."""

import csv
import json
from pathlib import Path

import pandas
import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results
from runs import ACCURACY, WER, Maker
from support import read_lines

from metrics.score import MetricSpec, ScoringSpec
from results import export, leaderboard
from results.__main__ import main
from results.journal import ClipRecord, Prediction
from results.run import RunDirectory, RunRecord, TaskRecord
from results.scoring import score_task, statistics_of

NASTY = [
    "<script>alert(1)</script>",
    "nul\0bell\x07",
    "half a pair \ud800",
    '"a", b\nc',
    "\u202eback",
    "x" * 1_000_000,
]


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


def test_a_row_a_sample(make: Maker) -> None:
    run = make("m", {"asr/own": (WER, 0.5), "asc/own": (ACCURACY, 0.5)}, folder="run", count=20, failed=2, unread=1)
    table = export.frame([run])
    assert len(table) == 40 and list(table.columns) == list(export.SAMPLES)
    records = {entry["id"]: entry for entry in read_lines(run.path / "asr/own/predictions.jsonl")}
    kept = statistics_of(run, run.must_read(), "asr/own")
    speech = table[table.task == "asr/own"].set_index("id")
    assert list(speech.index) == sorted(records) and {*speech.metric} == {"wer"} and {*speech.run} == {"run"}
    for identity, row in speech.iterrows():
        entry = records[identity]
        assert (
            row.references == entry["references"] and row.status == entry["status"] and row["flags"] == entry["flags"]
        )
        if entry["status"] == "failed":
            assert row.error == "missing: no file" and pandas.isna(row.raw) and row.statistics is None
        else:
            assert row.raw == entry["raw"] and pandas.isna(row.error)
            assert row.statistics == kept.array[kept.ids.index(identity)].tolist()


def hostile_run(path: Path) -> RunDirectory:
    directory = RunDirectory(path)
    spec = ScoringSpec({"accuracy": MetricSpec("accuracy", "basic", "label")}, "accuracy", labels=["dog", "cat"])
    run = RunRecord("m", "own", {}, {"asc/own": TaskRecord({}, spec.to_dict(), len(NASTY) + 1)}, {}, None)
    clips = [ClipRecord("a.wav", None, None, 1.5, "0" * 64), ClipRecord("b.wav", None, None, 2.25, "0" * 64)]
    rows = [
        Prediction(f"s{n}", None, "g", ["dog"], {"note": raw[:20]}, "p", clips, raw, "ok", ["empty"], None, 7, 3)
        for n, raw in enumerate([*NASTY, "It is a dog."])
    ]
    with directory.claim():
        directory.write(run)
        path = directory.journal("asc/own").path
        path.parent.mkdir(parents=True)
        path.write_text("".join(json.dumps(vars(row), default=vars) + "\n" for row in rows))  # ASCII: all can be kept
        score_task(directory, run, "asc/own")
    return directory


def test_parquet_and_csv_hold_what_a_model_wrote(tmp_path: Path) -> None:
    run = hostile_run(tmp_path / "run")
    expected = [*(raw.replace("\ud800", "?") for raw in NASTY), "It is a dog."]
    for form in ("parquet", "csv"):
        assert main(["export", str(run.path), "--to", form, "--output", str(tmp_path / f"out.{form}")]) == 0
    table = pandas.read_parquet(tmp_path / "out.parquet")
    assert table.raw.tolist() == expected
    assert table.answer.isna().tolist() == [True] * len(NASTY) + [False] and table.answer.iloc[-1] == "dog"
    last = table.iloc[-1]
    assert (last.seconds, last.prompt_tokens, last.new_tokens, last.group) == (3.75, 7, 3, "g")
    assert list(last.statistics) == [1.0, 1.0] and list(last["flags"]) == ["empty"]
    assert json.loads(last.fields) == {"note": "It is a dog."}
    csv.field_size_limit(2_000_000)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    assert [row["raw"] for row in rows] == expected
    assert json.loads(rows[-1]["references"]) == ["dog"] and json.loads(rows[-1]["statistics"]) == [1.0, 1.0]
    assert not [*tmp_path.glob("*.part")]


def test_a_row_a_score(make: Maker, tmp_path: Path) -> None:
    runs = [make(name, {"asr/own": (WER, 0.5)}, count=20) for name in ("one", "two")]
    paths = [str(run.path) for run in runs]
    assert main(["export", *paths, "--to", "parquet", "--rows", "scores", "--output", str(tmp_path / "s.parquet")]) == 0
    table = pandas.read_parquet(tmp_path / "s.parquet")
    assert table.to_dict("records") == [
        line.flat() | {"unavailable": None, "unjudged": None} for line in leaderboard.read(runs)[0]
    ]


def test_what_is_not_finished_is_left_out_and_said(
    make: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make("done", {"asr/own": (WER, 0.5)}, count=20), make("half", {"asr/own": (WER, 0.5)}, answered=7)]
    output = tmp_path / "out.parquet"
    assert main(["export", *(str(run.path) for run in runs), "--to", "parquet", "--output", str(output)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{output}: 20 samples\n" and "half on asr/own is not finished: 7 of 100" in said.err
    assert {*pandas.read_parquet(output).model} == {"done"}


def test_a_table_of_nothing_has_its_columns(make: Maker, tmp_path: Path) -> None:
    run = make("half", {"asr/own": (WER, 0.5)}, answered=7)
    export.parquet(export.frame([run]), tmp_path / "out.parquet")
    assert list(pandas.read_parquet(tmp_path / "out.parquet").columns) == list(export.SAMPLES)


def test_a_model_card_as_the_hub_reads_it(make: Maker, tmp_path: Path) -> None:
    config = {"task": None, "tasks": {"x": {"name": "s2tt/covost2_en_de", "corpus": {"name": "covost2"}}}}
    spec = ScoringSpec({"bleu_own": MetricSpec("bleu")}, "bleu_own", language="de")
    tasks = {"s2tt/covost2_en_de": (spec, 0.7), "asr/own": (WER, 0.5)}
    run = make("m", tasks, count=20, subsets=("en_de.test", "en_de.dev"))
    record = run.must_read()
    record.config, record.tasks["asr/own"].data["en_de.dev"] = config, "unofficial"
    with run.claim():
        run.write(record)
    output = tmp_path / "card.yaml"
    assert main(["export", str(run.path), "--to", "model-card", "--output", str(output)]) == 0
    card = ModelCard(f"---\n{output.read_text()}---\n# Model\n")
    assert isinstance(card.data, ModelCardData) and card.data.model_name == "m"
    index = yaml.safe_load(output.read_text())["model-index"]
    name, found = model_index_to_eval_results(index)
    assert name == "m" and card.data.eval_results == found and len(found) == 3 + 3 * 2
    scores = {task: run.read_scores(task).scores for task in tasks}
    bleu = {result.dataset_split: result for result in found if result.task_name == "s2tt/covost2_en_de"}
    assert {*bleu} == {None, "test", "dev"}
    (own,) = [score for score in scores["s2tt/covost2_en_de"] if score.subset == "en_de.test"]
    test = bleu["test"]
    assert (test.task_type, test.dataset_type, test.dataset_config) == ("translation", "covost2", "en_de")
    assert (test.metric_type, test.metric_name, test.metric_value) == ("bleu", "bleu_own", own.value)
    assert test.metric_args == {"unit": "BLEU", "ci95": own.ci95, "n": own.n, "signature": own.signature}
    speech = [result for result in found if result.task_name == "asr/own"]
    assert {result.task_type for result in speech} == {"automatic-speech-recognition"}
    assert {(result.dataset_type, result.dataset_split, result.dataset_args is None) for result in speech} == {
        ("own", None, False),
        ("own", "test", True),
        ("own", "dev", False),
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["one", "two", "--to", "model-card"], "a model card is of one model, and these runs are of one, two"),
        (["silent", "--to", "model-card"], "is a control (silence), no measure of the model; leave it out"),
        (["half", "--to", "model-card"], "no task of these runs is finished"),
        (["one", "--to", "model-card", "--rows", "scores"], "--rows is of parquet and csv; leave it out"),
        (["one", "--to", "xlsx"], "'xlsx' is not one of 'parquet', 'csv', 'model-card'"),
        (["none", "--to", "csv"], "is no run directory"),
        (["one", "--to", "csv", "--output", "{folder}/one/run.json/x"], "cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_sentence(
    make: Maker, tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        make(name, {"asr/own": (WER, 0.5)}, name, count=10)
    make("one", {"asr/own": (WER, 0.5)}, "silent", count=10, control="silence")
    make("half", {"asr/own": (WER, 0.5)}, "half", answered=7)
    runs = [
        str(tmp_path / name) if name.isalpha() and name not in ("csv", "xlsx", "scores") else name for name in arguments
    ]
    words = ["export", *(word.format(folder=tmp_path) for word in runs)]
    assert main([*words, *(() if "--output" in words else ("--output", str(tmp_path / "out")))]) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.startswith("results: ") and err.count("\n") == 1
    assert not (tmp_path / "out").exists()
