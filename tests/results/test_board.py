"""Boards: what stands where, who is best and who is not separated, and what may not be compared."""

import json
from pathlib import Path
from typing import Any

import pytest
from runs import ACCURACY, WER, WORDS, Maker

from metrics.paired import compare, holm
from metrics.score import MetricSpec, ScoringSpec
from results import tables
from results.assembly import assemble
from results.board import Board, Cell
from results.files import RunError
from results.pairs import pair
from results.published import Place, Published, Row
from results.scoring import statistics_of


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


def cells(board: Board, column: int = 0) -> dict[str, Cell]:
    return {board.rows[row].name: cell for row, cell in board.column(column).items()}


def marks(board: Board, column: int = 0) -> dict[str, str]:
    """Of each model: best, tied, or neither."""
    return {name: "best" if cell.best else "tied" if cell.tied else "" for name, cell in cells(board, column).items()}


def test_the_best_is_best_where_it_is_separated_from_all_others(make: Maker) -> None:
    shares = {"first": 0.95, "second": 0.70, "third": 0.60}
    runs = [make(model, {"aqa/own": (ACCURACY, share)}, seed=n) for n, (model, share) in enumerate(shares.items())]
    board = assemble(runs)
    assert marks(board) == {"first": "best", "second": "", "third": ""}
    text = tables.markdown(board)
    assert "| aqa/own accuracy ↑ (%)" in text and f"**{cells(board)['first'].value:.2f}**" in text
    assert text.count("**") == 2 and "≈" not in text and "paired approximate randomisation" in text


def test_marks_are_those_of_compare_and_holm(make: Maker) -> None:
    """At a level just above the largest p of a rival it is separated, just below not."""
    runs = [
        make(f"m{n}", {"aqa/own": (ACCURACY, share)}, seed=n, count=60) for n, share in enumerate((0.9, 0.75, 0.7, 0.3))
    ]
    kept = [statistics_of(run, run.must_read(), "aqa/own") for run in runs]
    values = [score.value for run in runs for score in run.read_scores("aqa/own").scores]
    best = values.index(max(values))
    p = {}
    for number, statistics in enumerate(kept):
        if number != best:
            paired = pair(kept[best], statistics)
            p[f"m{number}"] = compare(paired.metric, paired.first, paired.second).p_randomization
    for name, level in holm(p).items():
        for alpha, separated in ((level + 1e-9, True), (level - 1e-9, False)):
            if 0 < alpha < 1:
                assert (marks(assemble(runs, alpha=alpha))[name] == "") == separated
    assert len({*holm(p).values()}) > 1


def test_those_not_separated_from_the_best_are_marked_alike(make: Maker) -> None:
    runs = [make(f"m{n}", {"asr/own": (WER, share)}, seed=n) for n, share in enumerate((0.9, 0.88, 0.2))]
    board = assemble(runs)
    assert marks(board) == {"m0": "tied", "m1": "tied", "m2": ""}
    text = tables.markdown(board)
    assert "**" not in text and text.count("≈") == 3 and "those that are not separated from it" in text


def test_equal_answers_are_never_told_apart(make: Maker) -> None:
    runs = [make(f"m{n}", {"asr/own": (WER, 0.5)}) for n in range(3)]
    board = assemble(runs)
    assert {*marks(board).values()} == {"tied"}


def test_failures_and_what_could_not_be_read_stand_in_the_cell(make: Maker) -> None:
    labels = ScoringSpec({"accuracy": MetricSpec("accuracy", "basic", "label")}, "accuracy", labels=[*WORDS])
    runs = [
        make("whole", {"asc/own": (labels, 0.3)}),
        make("holes", {"asc/own": (labels, 1.0)}, failed=4, unread=7),
    ]
    board = assemble(runs)
    holes = cells(board)["holes"]
    assert (holes.failed, holes.unparsed, holes.n, holes.comparable) == (4, 7, 96, True)
    text = tables.markdown(board)
    assert " F4 U7 " in text and "F: samples without an answer" in text and "U: answers that could not be read" in text
    assert "J:" not in text


def test_what_was_not_asked_for_one_reason_is_one_sentence(make: Maker) -> None:
    left_out = {"aqa/a": "no prompt", "s2tt/b": "English only", "asc/c": "no prompt"}
    board = assemble([make("one", {"asr/own": (WER, 0.5)}, left_out=left_out)])
    assert board.remarks == ["one was not asked aqa/a, asc/c: no prompt", "one was not asked s2tt/b: English only"]


def test_only_samples_that_both_answered_are_tested(make: Maker) -> None:
    """Else a system that fails on what is hard would be tested on other samples than its rival."""
    whole, *holes = runs = [
        make("whole", {"aqa/own": (ACCURACY, 0.9)}, seed=1),
        make("many", {"aqa/own": (ACCURACY, 0.7)}, seed=2, failed=60),
        make("few", {"aqa/own": (ACCURACY, 0.8)}, seed=3, failed=10),
    ]
    p = {}
    first = statistics_of(whole, whole.must_read(), "aqa/own")
    for run, name, count in zip(holes, ("many", "few"), (60, 10), strict=True):
        paired = pair(first, statistics_of(run, run.must_read(), "aqa/own"))
        assert paired.only_first == count
        p[name] = compare(paired.metric, paired.first, paired.second).p_randomization
    assert 0 < p["many"] != p["few"] > 0
    for name, level in holm(p).items():
        assert marks(assemble(runs, alpha=level * 1.0001))[name] == ""
        assert marks(assemble(runs, alpha=level * 0.9999))[name] == "tied"


def test_who_is_ahead_on_other_samples_only_is_not_best(make: Maker) -> None:
    """Failing on all that is hard makes the better value, and the worse answers to what both answered."""
    runs = [
        make("fails", {"aqa/own": (ACCURACY, 0.7)}, failed=60),
        make("tries", {"aqa/own": (ACCURACY, lambda number: float(number >= 60))}),
    ]
    board = assemble(runs)
    fails, tries = cells(board).values()
    assert fails.value > tries.value and marks(board) == {"fails": "tied", "tries": "tied"}
    paired = pair(*(statistics_of(run, run.must_read(), "aqa/own") for run in runs))
    assert compare(paired.metric, paired.first, paired.second).p_randomization < 0.05


def test_other_signatures_are_not_comparable(make: Maker) -> None:
    other = ScoringSpec({"accuracy": MetricSpec("accuracy", "none")}, "accuracy")
    runs = [
        make("odd", {"aqa/own": (other, 1.0), "aqa/two": (ACCURACY, 1.0)}),
        make("one", {"aqa/own": (ACCURACY, 0.9), "aqa/two": (ACCURACY, 0.9)}),
        make("two", {"aqa/own": (ACCURACY, 0.2), "aqa/two": (ACCURACY, 0.2)}),
    ]
    board = assemble(runs)
    assert {name: cell.comparable for name, cell in cells(board).items()} == {"odd": False, "one": True, "two": True}
    assert marks(board) == {"odd": "", "one": "best", "two": ""}
    (note,) = board.notes
    assert "not comparable: scored by accuracy|norm:none.1" in note and "the column by accuracy|norm:basic.1" in note
    text = tables.markdown(board)
    assert "| ≠ 100.00 [100.00, 100.00] ¹" in text and "¹ not comparable" in text
    assert not [*board.averages()], "a column with such a cell is in no average, and one alone is none"


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"manifest": "m2"}, "other data: the manifest"), ({"count": 50}, "asked 50 samples, the column 100")],
)
def test_other_data_and_limits_are_not_comparable(make: Maker, changed: dict[str, Any], said: str) -> None:
    runs = [make("odd", {"aqa/own": (ACCURACY, 1.0)}, **changed)]
    runs += [make(name, {"aqa/own": (ACCURACY, 0.5)}) for name in ("one", "two")]
    board = assemble(runs)
    assert not cells(board)["odd"].comparable and said in board.notes[0]
    assert marks(board) == {"odd": "", "one": "tied", "two": "tied"}


def test_a_control_takes_no_part(make: Maker) -> None:
    runs = [
        make("m", {"aqa/own": (ACCURACY, 1.0)}, control="silence"),
        make("m", {"aqa/own": (ACCURACY, 0.4)}),
        make("n", {"aqa/own": (ACCURACY, 0.9)}),
    ]
    board = assemble(runs)
    assert marks(board) == {"m [silence]": "", "m": "", "n": "best"}
    assert "m [silence] is a control, no measure of the model: each clip was silence of its length" in board.remarks


def test_a_published_value_of_unknown_scoring_is_compared_with_none(make: Maker) -> None:
    board = assemble([make("one", {"aqa/own": (ACCURACY, 0.7)})], published=[published(99.9, scoring=None)])
    assert marks(board) == {"one": "", "Paper": ""}
    (cell,) = [cell for cell in cells(board).values() if cell.value == 99.9]
    assert not cell.comparable and cell.reasons == ["published in arXiv, which does not say how it was scored"]


def test_a_metric_of_the_whole_set_is_held_by_intervals_and_says_so(make: Maker) -> None:
    spec = ScoringSpec({"macro_f1": MetricSpec("macro_f1", "basic")}, "macro_f1", labels=[*WORDS])
    runs = [make(f"m{n}", {"asc/own": (spec, share)}, seed=n) for n, share in enumerate((0.95, 0.5, 0.9))]
    board = assemble(runs)
    first, second, third = cells(board).values()
    assert first.ci95[0] > second.ci95[1] and first.ci95[0] < third.ci95[1]
    assert marks(board) == {"m0": "tied", "m1": "", "m2": "tied"}
    assert "intervals that do not overlap" in tables.markdown(board) and "randomisation" not in tables.markdown(board)


def published(value: float, model: str = "Paper", **changed: Any) -> Published:
    place = {"task": "aqa/own", "subset": "test", "metric": "accuracy"} | changed
    source, note = place.pop("source", "arXiv"), place.pop("note", None)
    row = Row(model, "own", "test", "accuracy", str(value), "%", source, note=note)
    scoring = place.pop("scoring", {"metric": "accuracy"})
    where = Place("own", "accuracy", place["task"], {"test": place["subset"]}, place["metric"], "%", scoring=scoring)
    return Published(model=model, value=value, rounding=0.05, row=row, place=where, **place)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (99.9, {"one": "", "two": "", "Paper": "best"}),
        (71.0, {"one": "tied", "two": "", "Paper": "tied"}),
        (10.0, {"one": "best", "two": "", "Paper": ""}),
    ],
)
def test_a_published_value_is_separated_by_a_measured_interval_only(
    make: Maker, value: float, expected: dict[str, str]
) -> None:
    runs = [make("one", {"aqa/own": (ACCURACY, 0.7)}), make("two", {"aqa/own": (ACCURACY, 0.2)})]
    board = assemble(runs, published=[published(value)])
    low, high = cells(board)["one"].ci95
    assert (low <= value <= high) == (value == 71.0)
    assert marks(board) == expected
    text = tables.markdown(board)
    assert "| Paper †" in text and "¹ published in arXiv" in text and "a published value comes without samples" in text


def test_an_interval_without_width_separates_nothing(make: Maker) -> None:
    """All right on four samples is no proof of being better than a paper's 99 %."""
    run = make("one", {"aqa/own": (ACCURACY, 1.0)}, count=4)
    assert run.read_scores("aqa/own").scores[0].ci95 == [100.0, 100.0]
    assert marks(assemble([run], published=[published(99.0)])) == {"one": "tied", "Paper": "tied"}


def test_two_published_values_are_never_separated(make: Maker) -> None:
    runs = [make("one", {"aqa/own": (ACCURACY, 0.2)})]
    board = assemble(
        runs, published=[published(99.0), published(60.0, "Other"), published(98.0, source="blog", note="beam")]
    )
    assert marks(board) == {"one": "", "Paper": "tied", "Other": "tied"}
    assert board.notes == ["published in arXiv", "also 98 published in blog (beam)"]


def test_published_numbers_bring_their_column_and_no_other(make: Maker) -> None:
    spec = ScoringSpec(
        {"wer": MetricSpec("wer", "basic"), "wer_qwen_audio": MetricSpec("wer", "none")}, "wer", language="en"
    )
    tasks = {"asr/own_en": (spec, 0.7), "asr/own_other": (spec, 0.7)}
    runs = [make("one", tasks, subsets=("en.test", "en.dev"))]
    rows = [
        published(3.0, task="asr/own", subset="en.test", metric="wer_qwen_audio"),
        published(4.0, task="asr/own", subset="de.test", metric="wer_qwen_audio"),
        published(5.0, task="asr/absent", subset="test", metric="wer"),
    ]
    board = assemble(runs, published=rows)
    assert [column.key for column in board.columns] == [
        ("asr/own_en", None, "wer"),
        ("asr/own_en", "en.test", "wer_qwen_audio"),
        ("asr/own_other", None, "wer"),
    ]
    assert cells(board, 1)["Paper"].value == 3.0 and "Paper" not in cells(board, 0)
    assert [entry.name for entry in assemble(runs).rows] == ["one"]


def test_averages_are_of_what_all_have_and_of_one_kind(make: Maker) -> None:
    """Never of an error rate with an accuracy; a published row and a control need not have all, and then have none."""
    both = {"asr/a": (WER, 0.5), "asr/b": (WER, 0.7), "aqa/c": (ACCURACY, 0.6), "asc/d": (ACCURACY, 0.8)}
    runs = [
        make("one", both | {"asr/only": (WER, 0.9)}),
        make("two", both),
        make("one", {"aqa/c": (ACCURACY, 0.1)}, control="silence"),
    ]
    board = assemble(runs, published=[published(50.0, task="aqa/c")])
    speech, everything = board.averages()
    assert (speech.group, speech.higher_is_better, len(speech.columns), speech.of) == ("asr", False, 2, 3)
    assert (everything.group, everything.higher_is_better, len(everything.columns), everything.of) == (None, True, 2, 2)
    values = [[cells(board, number)["one"].value for number in average.columns] for average in (speech, everything)]
    assert speech.values[0] == pytest.approx(sum(values[0]) / 2) and speech.values[2:] == [None, None]
    assert everything.values[0] == pytest.approx(sum(values[1]) / 2)
    text = tables.markdown(board)
    assert "asr/mean of 2 of 3 ↓ (%)" in text and "all/mean of 2 ↑ (%)" in text
    assert "mean of asr, ↓ (%): over 2 tasks (asr/a, asr/b); 1 left out" in text


def test_tasks_without_a_type_are_a_group_of_their_own(make: Maker) -> None:
    tasks = {"own": (WER, 0.5), "two": (WER, 0.7), "asr/a": (WER, 0.9)}
    board = assemble([make("one", tasks)])
    own, everything = board.averages()
    assert (own.group, len(own.columns), everything.group, len(everything.columns)) == ("", 2, None, 3)
    assert [name for name, _ in tables.grid(board).header] == ["own", "two", "mean of 2", "asr/a", "all/mean of 3"]
    assert tables.grid(board).spans == [("", 3), ("asr", 1), ("all", 1)]


def test_a_task_that_is_not_finished_says_how_far_it_is(make: Maker) -> None:
    runs = [
        make("done", {"aqa/own": (ACCURACY, 0.5)}),
        make("half", {"aqa/own": (ACCURACY, 0.5), "asr/new": (WER, 0.5)}, answered=40),
    ]
    board = assemble(runs)
    assert [column.key for column in board.columns] == [("aqa/own", "test", "accuracy"), ("asr/new", "test", "wer")]
    assert cells(board)["half"].pending == cells(board, 1)["half"].pending == "40/100"
    assert marks(board) == {"done": "", "half": ""}
    text = tables.markdown(board)
    assert text.count("unfinished 40/100") == 2 and "half on aqa/own is not finished: 40 of 100" in text


def test_subsets_have_columns_where_they_are_asked_for_or_are_all_there_is(make: Maker) -> None:
    runs = [
        make("all", {"asr/own": (WER, 0.5)}, subsets=("clean", "other"), manifest="m1 m2"),
        make("one", {"asr/own": (WER, 0.5)}, subsets=("clean",), count=50, manifest="m1"),
    ]
    assert [column.subset for column in assemble(runs[:1]).columns] == [None]
    assert [column.subset for column in assemble(runs[:1], subsets=True).columns] == [None, "clean", "other"]
    board = assemble(runs)
    assert [column.subset for column in board.columns] == [None, "clean"]
    assert [cell.comparable for cell in cells(board, 1).values()] == [True, True]
    assert "asr/own all wer" in tables.markdown(board) and "asr/own clean wer" in tables.markdown(board)


def test_which_scores(make: Maker) -> None:
    runs = [make("one", {"asr/own": (WER, 0.5), "aqa/own": (ACCURACY, 0.5)})]

    def keys(board: Board) -> list[tuple[str, str]]:
        return [(column.task, column.metric) for column in board.columns]

    assert keys(assemble(runs)) == [("asr/own", "wer"), ("aqa/own", "accuracy")]
    assert keys(assemble(runs, "all")) == [("asr/own", "wer"), ("asr/own", "cer"), ("aqa/own", "accuracy")]
    assert keys(assemble(runs, "cer")) == [("asr/own", "cer")]
    with pytest.raises(
        RunError, match="--metric acuracy: no run here has a score of that name; did you mean 'accuracy'"
    ):
        assemble(runs, "acuracy")


def test_two_runs_of_one_model_are_told_apart_by_their_folders(make: Maker) -> None:
    task = {"aqa/own": (ACCURACY, 0.5)}
    runs = [make("m", task, folder) for folder in ("a/out", "b/out", "c/own")]
    assert [entry.name for entry in assemble([*runs, runs[0]]).rows] == ["m (a/out)", "m (b/out)", "m (own)"]
    other = make("m", {"aqa/new": (ACCURACY, 0.5)}, "d")
    board = assemble([runs[0], other])
    assert [entry.name for entry in board.rows] == ["m"] and len(board.columns) == 2


def test_rows_are_models_or_tasks(make: Maker) -> None:
    runs = [make(f"m{n}", {"asr/own": (WER, 0.5), "aqa/own": (ACCURACY, 0.5)}, seed=n) for n in range(3)]
    board = assemble(runs)
    models, tasks = tables.grid(board), tables.grid(board, "tasks")
    assert [*zip(*(row for _, row in models.rows), strict=True)] == [tuple(row) for _, row in tasks.rows]
    assert [labels for labels, _ in tasks.rows] == [["asr/own", "wer ↓ (%)"], ["aqa/own", "accuracy ↑ (%)"]]
    assert [name for name, _ in tasks.header] == ["m0", "m1", "m2"] and tasks.breaks == [1]
    assert models.spans == [("asr", 1), ("aqa", 1)]


def test_json_holds_the_whole_board(make: Maker) -> None:
    runs = [make(f"m{n}", {"aqa/own": (ACCURACY, share)}, seed=n) for n, share in enumerate((0.9, 0.1))]
    record = json.loads(tables.as_json(assemble(runs, alpha=0.01)))
    assert record["alpha"] == 0.01 and record["separated_by"]["paired"]["columns"] == [["aqa/own", "test", "accuracy"]]
    (best,), (other,) = (row["cells"] for row in record["rows"])
    assert best["best"] and not other["best"]
    assert best["value"] == runs[0].read_scores("aqa/own").scores[0].value and best["n"] == 100
