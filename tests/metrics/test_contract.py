"""The contract of metrics/base.py: options, what is missing, details, tables, rows refused before any model work."""

import csv
import io
import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import write_manifest

from evaluate.__main__ import main
from metrics.base import MetricError, Row, SetMetric, SumMetric
from metrics.registry import METRICS
from metrics.score import MetricSpec, Score, ScoringSpec, check, score
from results.__main__ import app
from results.journal import ClipRecord, Prediction
from results.leaderboard import render, task_lines
from results.run import RunDirectory, RunRecord, TaskRecord
from results.scoring import score_task

JOINT = {name for name in METRICS if name.startswith(("event_", "segment_"))}
"""Metrics of sums whose rows depend on each other: their columns are the classes of all rows."""


class Strict(SumMetric):
    """Share of items of the answer's list that are in the reference's list; a double of a metric of JSON."""

    name = "strict"
    options = {"fold": False, "limit": 3}
    example = '["a", "b"]'
    structured = True

    def check_row(self, row: Row) -> None:
        if not isinstance(_parsed(row.references[0]), list):
            raise MetricError(f"the reference {row.references[0]!r} is no list; write one")

    def statistics(self, row: Row) -> Sequence[float]:
        reference, answer = _parsed(row.references[0]), _parsed(row.answer or "")
        if self.settings["fold"]:
            reference, answer = ([text.lower() for text in texts] for texts in (reference, answer or []))
        wanted = reference[: self.settings["limit"]]
        return float(sum(item in wanted for item in answer or [])), float(len(wanted))

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1])

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        return {"lists": len(rows), "longest": max(len(_parsed(row.references[0])) for row in rows)}

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"fold": str(self.settings["fold"]).lower(), "limit": str(self.settings["limit"])}


class Absent(Strict):
    """A double of a metric whose program is not installed; nothing of it may be called."""

    name = "absent"

    def missing(self) -> str | None:
        return "absent needs the program 'absentia'; install it"

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        raise AssertionError("called without its program")

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        raise AssertionError("called without its program")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


@pytest.fixture(autouse=True)
def doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "strict", Strict)
    monkeypatch.setitem(METRICS, "absent", Absent)


def rows_of(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"id": f"s{n}", "raw": raw, "references": [reference], "status": "ok"}
        for n, (raw, reference) in enumerate(pairs)
    ]


ROWS = rows_of(('["A", "b"]', '["a", "b"]'), ("nonsense", '["c", "d", "e", "f"]'), ('["g"]', '["g"]'))


def of(*names: str, **options: Any) -> ScoringSpec:
    return ScoringSpec({name: MetricSpec(name, options=options) for name in names}, primary=names[0])


def test_options_decide_and_are_in_the_signature() -> None:
    plain, folded = score(ROWS, of("strict"))[0], score(ROWS, of("strict", fold=True, limit=4))[0]
    assert (plain.value, plain.signature) == (pytest.approx(100 * 2 / 6), "strict|norm:none.1|fold:false|limit:3")
    assert (folded.value, folded.signature) == (pytest.approx(100 * 3 / 7), "strict|norm:none.1|fold:true|limit:4")


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(MetricError, match=r"^metric 'strict' has no option 'flod'; did you mean 'fold'\?$"):
        check(of("strict", flod=True))
    with pytest.raises(MetricError, match=r"metric 'wer' has no option 'fold'$"):
        check(of("wer", fold=True))


ODD = [float("nan"), float("inf"), -1, 0, 5e-324, 1e308, 10**400, True, None, "", "x", "\0", "x" * 9000, [], [[1]], {}]
ODD += [[float("nan")], [0.5] * 9000, {"a": 1}, b"x", 1j]


@pytest.mark.parametrize("name", sorted(name for name in METRICS if METRICS[name].options))
def test_any_option_scores_or_is_refused_in_a_sentence(name: str) -> None:
    example = METRICS[name].example
    rows = [{"id": str(n), "raw": raw, "references": [example]} for n, raw in enumerate((example, "", "zzz"))]
    rows = [row | {"fields": {"question": "q", "sentence": "s"}} for row in rows]
    for key in METRICS[name].options:
        for odd in ODD:
            spec = ScoringSpec({"it": MetricSpec(name, options={key: odd})}, "it", language="en")
            try:
                check(spec, rows)
            except MetricError as error:
                assert 10 < len(str(error)) < 3000 and str(error).count("\n") == 0
                continue
            if not METRICS[name].costly_trial:
                (only,) = score(rows, spec)
                assert len(only.signature) < 3000 and json.dumps(only.to_dict(), allow_nan=False)


def test_options_do_not_leak_from_one_metric_to_another() -> None:
    Strict(options={"limit": 1})
    assert Strict().settings == {"fold": False, "limit": 3} == dict(Strict.options)


def test_what_is_missing_costs_only_its_own_value() -> None:
    spec = of("absent", "strict", "accuracy")
    check(spec, ROWS)
    absent, strict, accuracy = score(ROWS, spec)
    assert (absent.value, absent.ci95, absent.n, absent.details) == (None, None, 3, None)
    assert absent.unavailable == "absent needs the program 'absentia'; install it"
    assert strict.value == pytest.approx(100 * 2 / 6) and accuracy.value == pytest.approx(100 / 3)
    assert strict.unavailable is accuracy.unavailable is None


def make_run(path: Path, *metrics: str) -> RunDirectory:
    directory = RunDirectory(path)
    clip = ClipRecord("a.wav", None, None, 1.0, "0" * 64)
    with directory.claim():
        run = RunRecord("m", "own", {}, {"own": TaskRecord({}, of(*metrics).to_dict(), len(ROWS))}, {}, None)
        directory.write(run)
        directory.journal("own").append(
            [Prediction(row["id"], None, None, row["references"], {}, "p", [clip], row["raw"], "ok") for row in ROWS]
        )
        directory.journal("own").finish()
        score_task(directory, run, "own")
    return directory


def test_details_are_kept_and_no_table_shows_them(tmp_path: Path) -> None:
    directory = make_run(tmp_path / "run", "strict", "absent")
    kept = json.loads((tmp_path / "run/own/scores.json").read_text())["scores"]
    assert [one["details"] for one in kept] == [{"lists": 3, "longest": 4}, None]
    scores = directory.read_scores("own")
    assert scores is not None and scores.scores[0].details == {"lists": 3, "longest": 4}
    lines = task_lines("m", "own", scores.scores, scores.counts)
    (table, _) = csv.DictReader(io.StringIO(render(lines, "csv")))
    assert "details" not in table and table["metric"] == "strict" and table["ci_method"] == "percentile"
    assert "details" not in render(lines, "json") and "longest" not in render(lines, "md")
    assert "absent has no value here: absent needs the program 'absentia'; install it" in render(lines, "md")
    assert [line["unavailable"] for line in json.loads(render(lines, "json"))] == [
        None,
        "absent needs the program 'absentia'; install it",
    ]


def test_records_of_before_intervals_had_a_method_are_read() -> None:
    old = score(ROWS, of("strict"))[0].to_dict()
    del old["ci_method"]
    assert Score(**old).ci_method == "percentile"


def generated(metric: SumMetric) -> list[Row]:
    """Rows of right, wrong, missing, empty and damaged answers to the metric's own example."""
    rng = random.Random(6)
    texts = [metric.example, metric.example[:-1], "", None, "a b c", metric.example + " a", "yes"]
    return [
        Row(
            f"{n:03}",
            rng.choice(texts),
            (metric.example,) * rng.choice([1, 1, 3]),
            rng.choice(["en", "zh", None]),
            f"g{n % 7}",
        )
        for n in range(60)
    ]


@pytest.mark.parametrize("name", sorted(n for n in METRICS.keys() - JOINT if issubclass(METRICS[n], SumMetric)))
def test_a_table_is_the_statistics_of_its_rows(name: str) -> None:
    metric = METRICS[name]()
    assert isinstance(metric, SumMetric)
    if metric.missing():
        return
    rows = [row for row in generated(metric) if metric.covers(row)]
    table = metric.table(rows)
    assert table.dtype == np.float64
    assert table.tolist() == [list(map(float, metric.statistics(row))) for row in rows]
    if rows:
        sums = np.random.default_rng(3).integers(1, 3, (20, len(rows))) @ table
        assert metric.scores(sums).tolist() == [metric.score(summed) for summed in sums]


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_describes_itself(name: str) -> None:
    kind = METRICS[name]
    metric = kind()
    assert metric.name == name and kind.__doc__ and isinstance(metric, SumMetric | SetMetric)
    low, high = metric.range
    assert low < high
    if metric.missing() is None:
        metric.check_row(Row("a", None, (metric.example,)))
        for value in metric.signature_parts([Row("a", metric.example, (metric.example,))]).values():
            assert value and "|" not in value


def results(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The command line in this process, so that the doubles are known."""
    app(list(map(str, arguments)), standalone_mode=False)
    return capsys.readouterr().out


def test_json_predictions_and_options_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"id": 1, "prediction": ["A", "b"], "reference": ["a", "b"]},
        {"id": 2, "prediction": "nonsense", "references": [["c", "d", "e", "f"]]},
        {"id": 3, "prediction": '["g"]', "reference": ["g"]},
    ]
    path = write_manifest(tmp_path / "rows.jsonl", rows)
    one = json.loads(results(capsys, "score", path, "--metric", "strict", "--json"))[0]
    assert one["value"] == pytest.approx(100 * 2 / 6) and one["details"] == {"lists": 3, "longest": 4}
    arguments = ("score", path, "--metric", "strict", "--metric", "slot_f1", "--option", "fold=true")
    with pytest.raises(MetricError, match=r"row '1': the reference .* is no JSON object"):
        results(capsys, *arguments)
    arguments = ("score", path, "--metric", "strict", "--option", "fold=true", "--option", "limit=4")
    (folded,) = json.loads(results(capsys, *arguments, "--interval", "bca", "--json"))
    assert folded["signature"] == "strict|norm:none.1|fold:true|limit:4"
    assert folded["value"] == pytest.approx(100 * 3 / 7) and folded["ci_method"] == "bca" and folded["ci95"]
    assert "(bca) |" in results(capsys, *arguments, "--interval", "bca")
    with pytest.raises(MetricError, match=r"--option flod: no metric here has 'flod'; did you mean 'fold'\?"):
        results(capsys, "score", path, "--metric", "strict", "--option", "flod=1")
    write_manifest(path, [{"id": 7, "prediction": [], "reference": {"a": 1}}])
    with pytest.raises(MetricError, match=r"row '7': the reference '.*' is no list; write one"):
        results(capsys, "score", path, "--metric", "strict")


def test_another_normaliser_for_a_run_is_checked_with_its_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "structured", "strict", "mean_ap")
    app(["rescore", str(tmp_path / "structured"), "--normalizer", "basic"], standalone_mode=False)
    said = capsys.readouterr()
    assert "of more than words, and so not normalised: mean_ap, strict" in said.err
    assert "strict|norm:none.1" in said.out and "basic" not in said.out
    make_run(tmp_path / "words", "strict", "accuracy")
    with pytest.raises(MetricError, match=r"row 's1': normalizer 'basic' leaves nothing of the reference '\[\"c\", "):
        results(capsys, "rescore", tmp_path / "words", "--normalizer", "basic")


def test_a_bad_reference_is_refused_before_any_model_work(
    own: Path,
    tmp_path: Path,
    tone: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # the model's folder is put there
    (own / "task/own/strict.yaml").write_text(
        "name: own/strict\ncorpus: {name: manifest}\nprompt: {plain: x}\nmetrics: {strict: {options: {limit: 2}}}\n"
    )
    clip = tone("a.wav").name
    rows = [{"id": "good", "audio": clip, "reference": '["a"]'}, {"id": "bad", "audio": clip, "reference": "a, b"}]
    manifest, run = tmp_path / "m.jsonl", tmp_path / "run"
    arguments = [f"hydra.searchpath=['file://{own}']", "task=own/strict", "model=echo", f"run.dir={run}"]
    arguments += [f"task.corpus.manifest={manifest}"]
    write_manifest(manifest, rows)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "row 'bad': the reference 'a, b' is no list; write one" in said and said.count("\n") == 1
    assert not run.exists()
    write_manifest(manifest, rows[:1])
    assert main([*arguments, "show=prompt"]) == 0
    assert main([*arguments, "show=prompt", "+task.metrics.strict.options.limt=2"]) == 2
    assert "no option 'limt'; did you mean 'limit'?" in capsys.readouterr().err
    sys.modules.pop("echo_model", None)
