"""Two runs compared: what is told apart, what is not, where it comes from; and what a model wrote stays text."""

import json
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from metrics.paired import compare as by_hand
from metrics.score import MetricSpec, ScoringSpec
from results import statistics
from results.__main__ import main
from results.comparison.compare import compare
from results.comparison.flips import flips
from results.comparison.forms import as_html, as_text, render
from results.console import columns, elided, listed
from results.files import RunError
from results.journal import ClipRecord, Failure, Prediction
from results.pairs import pair
from results.run import RunDirectory, RunRecord, TaskRecord
from results.scoring import score_task
from results.text import markdown, shown

WORDS = ["the", "a", "dog", "cat", "sat", "ran", "on", "under", "mat", "tree", "red", "big", "small", "house"]
LABELS = ["bark", "meow", "rain", "music"]
SPECS = {
    "asr": ScoringSpec({"wer": MetricSpec("wer", "basic")}, "wer", language="en"),
    "cer": ScoringSpec({"cer": MetricSpec("cer")}, "cer", language="zh"),
    "sound": ScoringSpec({"accuracy": MetricSpec("accuracy")}, "accuracy", labels=LABELS),
    "f1": ScoringSpec({"macro_f1": MetricSpec("macro_f1")}, "macro_f1", labels=LABELS),
    "s2tt": ScoringSpec({"bleu": MetricSpec("bleu")}, "bleu", language="en"),
    "aac": ScoringSpec({"cider": MetricSpec("cider")}, "cider", language="en"),
}


def answers(task: str, count: int = 60) -> list[dict[str, Any]]:
    """Samples of a task, with the answers of a system that is mostly right."""
    draw = random.Random(task)
    rows = []
    for number in range(count):
        right = " ".join(draw.choices(WORDS, k=8)) if task in ("asr", "s2tt", "aac") else LABELS[number % 4]
        right = "".join(draw.choices("天地人日月山水火木土", k=6)) if task == "cer" else right
        rows.append(
            {
                "id": f"s{number:03}",
                "subset": ("clean", "other")[number % 2] if task == "asr" else None,
                "group": f"speaker {number % 15}" if task == "asr" else None,
                "references": [right],
                "fields": {
                    "snr": 5 * (number % 3),
                    "mood": f"mood {number % 25}",
                    "language": ("en", "fr")[number % 2],
                },
                "raw": right,
                "seconds": 1 + number / 10,
            }
        )
    return rows


def make_run(path: Path, tasks: dict[str, list[dict[str, Any]]], model: str = "m", **asked: str) -> RunDirectory:
    directory = RunDirectory(path)
    with directory.claim():
        entries = {
            name: TaskRecord(
                {"prompt": "p", "manifest": "h", "weights": model} | asked, SPECS[name].to_dict(), len(rows)
            )
            for name, rows in tasks.items()
        }
        run = RunRecord(model, "suite", {}, entries, {}, None)
        directory.write(run)
        for name, rows in tasks.items():
            directory.journal(name).append(
                [
                    Prediction(
                        row["id"], row["subset"], row["group"], row["references"], row["fields"], "p",
                        [ClipRecord("a.wav", None, None, row["seconds"], None)], row["raw"],
                        "failed" if row["raw"] is None else "ok",
                        error=Failure("model", "no") if row["raw"] is None else None,
                    )
                    for row in rows
                ]
            )  # fmt: skip
            directory.journal(name).finish()
            score_task(directory, run, name)
    return directory


def changed(task: str, said: dict[int, str | None], count: int = 60) -> list[dict[str, Any]]:
    rows = answers(task, count)
    for number, text in said.items():
        rows[number]["raw"] = text
    return rows


@pytest.fixture
def first(tmp_path: Path) -> RunDirectory:
    return make_run(tmp_path / "a", {name: answers(name) for name in SPECS})


def test_two_runs_of_the_same_model_differ_nowhere(tmp_path, first):
    second = make_run(tmp_path / "b", {name: answers(name) for name in SPECS})
    found = compare(first, second, fields=["all"], most_flips=5)
    assert [task.verdict for task in found.tasks] == ["same"] * 6 and not found.warnings and not found.left_out
    for task in found.tasks:
        assert task.p_holm == task.result.p == 1 and task.result.difference == 0 and task.result.ci95 == (0, 0)
        assert task.flips is not None and (task.flips.differ, task.flips.worse, task.flips.better) == (0, 0, 0)
        assert all(part.result.p == 1 for part in task.slices)
    text = as_text(found)
    assert "6 same" in text and "note:" not in text


def test_a_difference_is_told_with_its_sign_in_words(tmp_path, first):
    """Better and worse go by the metric's direction, and p by Holm over the tasks."""
    worse = {number: "cat" for number in range(0, 60, 4)}
    second = make_run(
        tmp_path / "b",
        {
            "asr": changed("asr", worse),
            "sound": changed("sound", {n: "meow" for n in range(0, 60, 4)}),
            "cer": changed("cer", {5: "天"}),
            "f1": changed("f1", {n: "rain" for n in range(0, 60, 4)}),
        },
    )
    found = {task.task: task for task in compare(first, second).tasks}
    assert {name: task.verdict for name, task in found.items()} == {
        "asr": "worse", "cer": "unclear", "sound": "worse", "f1": "worse",
    }  # fmt: skip
    turned = {task.task: task for task in compare(second, first).tasks}
    assert turned["asr"].verdict == turned["sound"].verdict == turned["f1"].verdict == "better"
    assert turned["asr"].result.p == found["asr"].result.p
    kept = [statistics.read(run.path / "asr") for run in (first, second)]
    both = pair(kept[0], kept[1])
    whole = by_hand(both.metric, both.first, both.second)
    assert found["asr"].result.ci95 == whole.ci95 and found["asr"].result.difference == whole.difference
    assert found["sound"].result.test == "McNemar" and found["sound"].result.p == pytest.approx(2 * 0.5**15)
    assert found["sound"].p_holm == pytest.approx(4 * found["sound"].result.p)
    assert found["asr"].result.groups == 15 and found["asr"].result.n == 60


def test_what_is_not_of_both_is_counted_and_left_out(tmp_path, first):
    rows = changed("asr", {3: None, 4: None})[:-5]
    rows[10]["references"] = ["another sentence"]
    rows.append({**answers("asr", 61)[-1], "id": "t"})
    second = make_run(tmp_path / "b", {"asr": rows}, manifest="other", control="silence")
    record = second.must_read()
    record.control = "silence"
    second.write(record)
    found = compare(first, second)
    task = found.tasks[0]
    assert (task.only_first, task.only_second, task.differing, task.failed) == (7, 1, 1, (0, 2))
    assert task.result.n == 60 - 7 - 1
    assert found.left_out == dict.fromkeys(("cer", "sound", "f1", "s2tt", "aac"), "only in A")
    text = " ".join(as_text(found).split())
    for said in (
        "what was asked differs: control (nothing in A, silence in B)",
        "manifest (h in A, other in B)",
        "limit (60 samples in A, 56 in B)",
        "asr: 7 samples have a score in A alone",
        "cer, sound, f1, s2tt, aac: not compared, only in A",
        "B is a control, no measure of the model",
    ):
        assert said in text
    second.forget_scores("asr")
    with pytest.raises(RunError, match="asr: not finished in B"):
        compare(first, second)


def test_what_weighs_a_sample_by_all_others_is_scored_anew(tmp_path, first):
    """CIDEr on fewer samples: those of both, answered alike, are the same."""
    second = make_run(tmp_path / "b", {"aac": changed("aac", {3: None})[:-5]})
    (task,) = compare(first, second, tasks=["aac"]).tasks
    assert (task.verdict, task.only_first, task.result.n, task.result.changed) == ("same", 6, 54, 0)


def test_refuse_what_was_scored_otherwise(tmp_path, first, monkeypatch):
    monkeypatch.setitem(SPECS, "asr", ScoringSpec({"wer": MetricSpec("wer", "whisper_en")}, "wer", language="en"))
    second = make_run(tmp_path / "b", {"asr": answers("asr"), "sound": answers("sound")})
    found = compare(first, second)
    assert [task.task for task in found.tasks] == ["sound"] and "scored otherwise: wer|norm:basic" in found.left_out[
        "asr"
    ]
    with pytest.raises(RunError, match=r"cannot be compared: asr: scored otherwise.*rescore RUN"):
        compare(first, second, tasks=["asr"])
    with pytest.raises(RunError, match="neither run has it; did you mean 'sound'"):
        compare(first, second, tasks=["sounds"])
    assert compare(first, second, tasks=["sound"]).left_out == {}


def test_flips_are_the_most_costly_and_aligned(tmp_path, first):
    asr = answers("asr")
    words = asr[7]["raw"].split()
    said = {
        7: " ".join([words[0], "wolf", *words[2:-1], words[-1], "now"]),
        8: asr[8]["raw"].rsplit(" ", 1)[0],
        9: asr[9]["raw"].upper(),
    }
    second = make_run(tmp_path / "b", {"asr": changed("asr", said), "cer": changed("cer", {2: "天"})})
    found = compare(first, second, most_flips=5)
    flips = found.tasks[0].flips
    assert flips is not None and (flips.differ, flips.worse, flips.better) == (3, 2, 0)
    assert [flip.id for flip in flips.lost] == ["s007", "s008"] and flips.gained == []
    assert flips.lost[0].loss == pytest.approx(100 * 2 / 480)
    text = as_text(found)
    assert f"{words[0]} [{words[1]}->wolf] {words[2]}" in text and f"{words[-1]} {{+now+}}" in text
    assert f"[-{asr[8]['raw'].split()[-1]}-]" in text
    assert re.search(r"B +\[.->天\]\[-.{5}-\]\n", text)
    back = compare(second, first, most_flips=1).tasks[0].flips
    assert back is not None and back.better == 2 and [flip.id for flip in back.gained] == ["s007"]
    assert "most gained with B" in as_text(compare(second, first, most_flips=1))


def test_a_mark_stays_in_one_line_where_there_is_room(tmp_path, first):
    words = answers("asr")[7]["raw"].split()
    for length in range(66, 78, 3):
        said = " ".join([words[0], "w" * length, *words[2:]])
        second = make_run(tmp_path / str(length), {"asr": changed("asr", {7: said})})
        text = as_text(compare(first, second, most_flips=1))
        assert f"[{words[1]}->{'w' * length}]" in text and "after Holm over 1 task;" in text


def test_flips_of_a_metric_of_the_whole_set(tmp_path, first):
    second = make_run(tmp_path / "b", {"f1": changed("f1", {0: "meow", 1: "no idea"})})
    found = compare(first, second, most_flips=5).tasks[0]
    assert found.flips is not None and {flip.id for flip in found.flips.lost} == {"s000", "s001"}
    assert all(flip.first.steps is None for flip in found.flips.lost)
    assert (found.result.p, found.result.draws) == (0.5, 0)  # of four ways to swap two answers, two are as far
    assert sum(flip.loss for flip in found.flips.lost) == pytest.approx(-(found.result.difference or 0), rel=0.1)


def test_equal_flips_of_the_whole_set_are_scored_once(tmp_path, first, monkeypatch):
    """Else many flips of a large set would take hours: each costs a score of all samples."""
    second = make_run(tmp_path / "b", {"f1": changed("f1", {number: "meow" for number in range(0, 40, 4)})})
    kept = [statistics.read(run.path / "f1") for run in (first, second)]
    both, calls = pair(kept[0], kept[1]), []
    score = type(both.metric).score
    monkeypatch.setattr(type(both.metric), "score", lambda *given: calls.append(1) or score(*given))
    found = flips(both, *(run.journal("f1").read() for run in (first, second)), 3, SPECS["f1"])
    assert (found.worse, len(found.lost), len({flip.loss for flip in found.lost})) == (10, 3, 1) and len(calls) == 2


def test_runs_without_a_task_are_refused(tmp_path):
    run = make_run(tmp_path / "none", {})
    with pytest.raises(RunError, match="neither has a task"):
        compare(run, run)


def test_slices_by_what_the_data_have(tmp_path, first):
    worse = {number: "cat" for number in range(45, 60)}
    second = make_run(tmp_path / "b", {"asr": changed("asr", worse), "sound": answers("sound")})
    fields = ["all", "speaker", "mood", "nothing"]
    found = {task.task: task for task in compare(first, second, fields=fields).tasks}
    by: dict[str, list[Any]] = {}
    for part in found["asr"].slices:
        by.setdefault(part.field, []).append(part)
    assert list(by) == ["subset", "duration", "language", "group", "snr", "speaker", "mood"]
    assert [part.value for part in by["subset"]] == ["clean", "other"]
    assert [part.value for part in by["snr"]] == ["0", "5", "10"] and [part.result.n for part in by["snr"]] == [20] * 3
    assert [part.result.difference for part in by["duration"]][:3] == [0, 0, 0]
    assert by["duration"][3].result.difference > 50 and by["duration"][3].value == "5.43 to 6.9"
    assert sum(part.result.n for part in by["mood"]) == 60 and by["mood"][-1].value == "5 others"
    assert by["group"][0].result.groups == by["group"][0].result.n == 4
    assert {part.field for part in found["sound"].slices} == {"duration", "language", "label", "snr", "mood"}
    text = as_text(compare(first, second, fields=["snr", "nothing"]))
    assert "exploratory" in text and "no task has slices by nothing" in text


HOSTILE = "</textarea><script>alert(1)</script>\u202e\0{{ 1 }} javascript:alert(1) <img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_what_a_model_wrote_is_text(tmp_path, monkeypatch):
    for name in ("asr", "s2tt"):
        monkeypatch.setitem(SPECS, f"{name}<b>", SPECS[name])
    tasks = {f"{name}<b>": answers(name) for name in ("asr", "s2tt")}
    for rows in tasks.values():
        rows[0]["references"] = [HOSTILE]
        rows[1] |= {"id": "<i>\u202e"}
    one = make_run(tmp_path / "a", tasks)
    for rows in tasks.values():
        rows[0]["raw"] = HOSTILE + "x" * 1_000_000
        rows[1]["raw"] = HOSTILE
        rows[2]["fields"]["mood"] = HOSTILE
    two = make_run(tmp_path / "b", tasks, model="<script>m")
    found = compare(one, two, fields=["mood"], most_flips=5)
    page = as_html(found)
    seen = Tags()
    seen.feed(page)
    assert not seen.tags & {"script", "img", "textarea", "i", "b"} and not seen.attributes & {"onerror", "src", "href"}
    assert "\u202e" not in page and "\0" not in page and "\\u202e" in page and "&lt;script&gt;m" in page
    assert "default-src 'none'" in page and len(page) < 300_000
    text = as_text(found)
    assert "\u202e" not in text and "\0" not in text and len(text) < 50_000
    assert json.loads(render(found, "json"))["tasks"][0]["task"] == "asr<b>"


def test_the_command(tmp_path, first, capsys):
    second = make_run(tmp_path / "b", {"asr": changed("asr", {n: "cat" for n in range(0, 60, 2)})}, model="other")
    call = ["compare", str(first.path), str(second.path)]
    assert main([*call, "--slice", "snr", "--flips", "2"]) == 0
    out = capsys.readouterr().out
    assert "B is" in out and "worse" in out and max(map(len, out.splitlines())) <= 100
    assert main([*call, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"][0]["verdict"] == "worse"
    assert main([*call, "--format", "html", "--output", str(tmp_path / "x/page.html")]) == 0
    assert (tmp_path / "x/page.html").read_text().startswith("<!doctype html>")
    assert main([*call, "--task", "nothing"]) == 2 and "neither run has it" in capsys.readouterr().err
    assert main(["compare", str(first.path), str(tmp_path / "none")]) == 2
    assert main([*call, "--output", str(first.path / "run.json" / "x")]) == 2


def test_texts():
    assert shown("a\x1b\n\u202eb\u200d\ud800") == "a\\x1b\\n\\u202eb\u200d\\ud800"
    assert shown("x" * 9, 4) == "xxxx… (9 characters)"
    assert elided("abcdefghij", 5) == "ab…ij" and elided("abc", 3) == "abc"
    assert markdown("a|b [x](y) <i> *c*\n") == r"a\|b [x]\(y) &lt;i> \*c\*"
    table = columns(["name", "n"], [["long " * 30, "1"], ["b", "22"]], width=40).split("\n")
    assert max(map(len, table)) == 40 and table[2].endswith(" 22")
    assert listed(["a", "b"], 2) == "all 2 tasks" and listed(["a"], 1) == "a"
    assert listed(list("abcdefghi"), 20) == "a, b, c, d, e, f and 3 more"
