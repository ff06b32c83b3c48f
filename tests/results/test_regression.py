"""The regression gate: it fails for a loss, for what is missing and for what was not compared, and not for bad luck."""

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from metrics.randomization import paired
from metrics.score import MetricSpec, ScoringSpec
from results import baseline as baselines
from results.__main__ import app, main
from results.journal import Failure, Prediction
from results.pairs import pair
from results.regression import Verdict, judge
from results.run import RunDirectory, RunRecord, TaskRecord
from results.scoring import score_task
from results.statistics import TaskStatistics

METRICS = {name: MetricSpec(name) for name in ("accuracy", "wer", "macro_f1", "cider")}
ASKED = {"prompt": "plain: say it", "manifest": "a" * 64, "control": "none", "model": "m", "weights": "b" * 64}
RIGHT = [f"w{number}" for number in range(5)]


def spec_of(metric: str) -> ScoringSpec:
    return ScoringSpec({metric: METRICS[metric]}, metric, labels=RIGHT if metric in ("accuracy", "macro_f1") else None)


def answers(count: int = 80, wrong: set[int] | None = None) -> dict[str, str | None]:
    """By id; a sample of which the number is in ``wrong`` is answered otherwise."""
    wrong = {3, 50} if wrong is None else wrong
    return {f"s{n:03}": RIGHT[(n + (n in wrong)) % 5] for n in range(count)}


def make_run(path: Path, tasks: dict[str, tuple[str, dict[str, str | None]]], **asked: str) -> RunDirectory:
    """A run of tasks, each a metric and its answers by id; None: the sample failed."""
    directory = RunDirectory(path)
    with directory.claim():
        entries = {
            name: TaskRecord(ASKED | asked, spec_of(metric).to_dict(), len(said))
            for name, (metric, said) in tasks.items()
        }
        run = RunRecord("m", "suite", {}, entries, {"numpy": "2"}, "c0ffee")
        directory.write(run)
        for name, (_, said) in tasks.items():
            rows = [
                Prediction(
                    identity, None, None, [RIGHT[int(identity[1:]) % 5]], {}, "p", [], raw,
                    "failed" if raw is None else "ok", error=Failure("model", "no") if raw is None else None,
                )
                for identity, raw in said.items()
            ]  # fmt: skip
            directory.journal(name).append(rows)
            directory.journal(name).finish()
            score_task(directory, run, name)
    return directory


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main(["regression", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out.replace("\n  ", " "), said.err  # sentences in one line


@pytest.fixture
def baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Of a run of two tasks, 80 samples each, 78 right."""
    make_run(tmp_path / "before", {"kws": ("accuracy", answers()), "asr": ("wer", answers())})
    path = tmp_path / "base.json"
    status, out, _ = call(capsys, tmp_path / "before", "--baseline", path, "--accept")
    assert status == 0 and "is the first baseline at" in out
    return path


def test_the_same_run_passes(tmp_path, baseline, capsys):
    status, out, _ = call(capsys, tmp_path / "before", "--baseline", baseline)
    assert status == 0 and "no loss in 2 tasks" in out and "0/80" in out
    assert max(map(len, out.splitlines()[:3])) <= 100


def test_a_loss_fails_and_a_gain_offers_to_accept(tmp_path, baseline, capsys):
    worse = answers(wrong=set(range(3, 60, 4)))
    make_run(tmp_path / "worse", {"kws": ("accuracy", worse), "asr": ("wer", answers())}, weights="c" * 64)
    status, out, _ = call(capsys, tmp_path / "worse", "--baseline", baseline)
    assert status == 1 and "kws: worse: accuracy 97.50 -> 81.25 %, -16.25 [" in out and "FAILED, 1 task worse" in out
    assert "note: all 2 tasks: answered otherwise: weights" in out
    make_run(tmp_path / "good", {"kws": ("accuracy", answers(wrong=set())), "asr": ("wer", answers(wrong=set()))})
    assert call(capsys, tmp_path / "good", "--baseline", tmp_path / "new.json", "--accept")[0] == 0
    low = make_run(tmp_path / "low", {"kws": ("accuracy", worse), "asr": ("wer", worse)})
    assert call(capsys, low.path, "--baseline", tmp_path / "low.json", "--accept")[0] == 0
    status, out, _ = call(capsys, tmp_path / "good", "--baseline", tmp_path / "low.json")
    assert status == 0 and "better: kws, asr; --accept makes this run the new baseline" in out
    status, out, _ = call(capsys, low.path, "--baseline", tmp_path / "new.json", "--accept")
    assert status == 0 and "FAILED, 2 tasks worse" in out and "is the new baseline" in out
    assert call(capsys, low.path, "--baseline", tmp_path / "new.json")[0] == 0


def test_a_loss_within_tolerance_passes(tmp_path, baseline, capsys):
    worse = answers(wrong=set(range(3, 60, 4)))
    make_run(tmp_path / "worse", {"kws": ("accuracy", worse), "asr": ("wer", worse)})
    run = ("--baseline", baseline, tmp_path / "worse")
    assert call(capsys, *run, "--tolerance", "5")[0] == 1
    assert call(capsys, *run, "--tolerance", "16")[0] == 0
    status, out, _ = call(capsys, *run, "--tolerance", "16", "--tolerance", "asr=4")
    assert status == 1 and "asr: worse by more than 4: wer 2.50 -> 18.75 %" in out and "FAILED, 1 task" in out
    for said, why in (("-1", "write a loss"), ("x=1", "has no task 'x'"), ("nan", "write a loss"), ("a", "write a")):
        status, _, err = call(capsys, *run, "--tolerance", said)
        assert status == 2 and why in err


def test_what_is_true_of_several_tasks_is_said_once(tmp_path, baseline, capsys):
    run = make_run(tmp_path / "less", {"kws": ("accuracy", answers(70)), "asr": ("wer", answers(70))})
    summary = tmp_path / "summary.md"
    status, out, _ = call(capsys, run.path, "--baseline", baseline, "--summary", summary)
    assert status == 1 and out.count("70 samples were asked") == 1
    assert "all 2 tasks: 70 samples were asked; of the baseline 80" in out and "FAILED, 2 tasks incomplete" in out
    assert summary.read_text().count("70 samples were asked") == 1 and "**all 2 tasks**: 70" in summary.read_text()
    run = make_run(tmp_path / "other", {"kws": ("accuracy", answers()), "new": ("wer", answers())})
    status, out, _ = call(capsys, run.path, "--baseline", baseline)
    assert status == 1 and "FAILED, 1 task incomplete, 1 not compared" in out


def test_a_baseline_that_is_not_there_names_those_that_are(tmp_path, baseline, capsys):
    run = tmp_path / "before"
    status, _, err = call(capsys, run, "--baseline", "tinny")
    assert status == 2 and err.endswith(" one); did you mean 'tiny'?\n")
    status, _, err = call(capsys, run, "--baseline", tmp_path / "no.json")
    assert status == 2 and f"no.json (--accept makes {run} one)\n" in err


def test_what_is_missing_fails(tmp_path, baseline, capsys):
    run = make_run(tmp_path / "one", {"kws": ("accuracy", answers())})
    status, out, _ = call(capsys, run.path, "--baseline", baseline)
    assert status == 1 and "asr: the task is missing" in out and "FAILED, 1 task incomplete" in out
    less = make_run(tmp_path / "less", {"kws": ("accuracy", answers(70)), "asr": ("wer", answers())})
    status, out, _ = call(capsys, less.path, "--baseline", baseline)
    assert status == 1 and "kws: 70 samples were asked; of the baseline 80" in out
    failed = make_run(tmp_path / "failed", {"kws": ("accuracy", answers() | {"s001": None}), "asr": ("wer", answers())})
    status, out, _ = call(capsys, failed.path, "--baseline", baseline)
    assert status == 1 and "kws: 1 samples failed; of the baseline 0" in out
    assert call(capsys, failed.path, "--baseline", tmp_path / "failed.json", "--accept")[0] == 0
    another = make_run(tmp_path / "other", {"kws": ("accuracy", answers() | {"s002": None}), "asr": ("wer", answers())})
    status, out, _ = call(capsys, another.path, "--baseline", tmp_path / "failed.json")
    assert status == 0 and "kws: 1 samples of the baseline failed, and are not compared" in out
    more = make_run(tmp_path / "more", {"kws": ("accuracy", answers(90)), "asr": ("wer", answers())})
    status, out, _ = call(capsys, more.path, "--baseline", baseline)
    assert status == 0 and "kws: 10 samples are not the baseline's, and are not compared" in out
    unfinished = make_run(tmp_path / "open", {"kws": ("accuracy", answers()), "asr": ("wer", answers())})
    unfinished.forget_scores("asr")
    status, out, _ = call(capsys, unfinished.path, "--baseline", baseline)
    assert status == 1 and "asr: the task is not finished: 80 of 80" in out
    assert call(capsys, unfinished.path, "--baseline", tmp_path / "no.json", "--accept")[0] == 2
    empty = make_run(tmp_path / "empty", {"kws": ("accuracy", dict.fromkeys(answers())), "asr": ("wer", answers())})
    status, out, _ = call(capsys, empty.path, "--baseline", baseline)
    assert status == 1 and "kws: 80 samples failed" in out
    status, _, err = call(capsys, empty.path, "--baseline", tmp_path / "no.json", "--accept")
    assert status == 2 and "kws has no score" in err and not (tmp_path / "no.json").exists()


@pytest.mark.parametrize(
    ("asked", "metrics", "why"),
    [
        ({"prompt": "plain: tell it"}, ("accuracy", "wer"), "something else was asked: prompt (plain: say it before"),
        ({"manifest": "d" * 64}, ("accuracy", "wer"), "something else was asked: manifest"),
        ({"control": "silence"}, ("accuracy", "wer"), "something else was asked: control (none before, silence now)"),
        ({}, ("macro_f1", "wer"), "kws: scored otherwise: accuracy|"),
    ],
)
def test_no_green_for_a_comparison_that_was_not_made(tmp_path, baseline, capsys, asked, metrics, why):
    tasks = {"kws": (metrics[0], answers()), "asr": (metrics[1], answers())}
    run = make_run(tmp_path / "run", tasks, **asked)
    status, out, _ = call(capsys, run.path, "--baseline", baseline)
    assert status == 2 and why in out and "NOT COMPARED" in out and "--accept makes this run the new baseline" in out
    more = make_run(tmp_path / "more", {**tasks, "new": ("wer", answers())})
    assert "new: the baseline has no such task" in call(capsys, more.path, "--baseline", baseline)[1]


def test_what_weighs_a_sample_by_all_others_needs_the_same_samples(tmp_path, capsys):
    """CIDEr: how often words occur in the references of a run; with more samples each score moves a little."""
    make_run(tmp_path / "before", {"aac": ("cider", answers())})
    more = make_run(tmp_path / "more", {"aac": ("cider", answers(90))})
    base = tmp_path / "aac.json"
    assert call(capsys, tmp_path / "before", "--baseline", base, "--accept")[0] == 0
    assert call(capsys, tmp_path / "before", "--baseline", base)[0] == 0
    status, out, _ = call(capsys, more.path, "--baseline", base)
    assert status == 2 and "aac: cider weighs each sample by all others, and these are not the same" in out


def test_a_task_in_which_no_loss_could_be_found_is_told(tmp_path, capsys):
    """Of 4 samples all can get worse, and p is 1/16 at least; of 80 wrong answers none can."""
    few, none = answers(4, wrong=set()), answers(wrong=set(range(80)))
    make_run(tmp_path / "run", {"few": ("wer", few), "none": ("accuracy", none), "well": ("accuracy", answers())})
    base = tmp_path / "b.json"
    status, out, _ = call(capsys, tmp_path / "run", "--baseline", base, "--accept")
    assert status == 0 and "no loss in 3 tasks (too small to find one: 2)" in out
    assert "note: few: no loss can be found here: with 4 groups no p is below 0.062, and below 0.017 is needed" in out
    assert "note: none: no loss can be found here: with 0 groups with a right answer no p is below 1" in out


def test_what_cannot_be_used_is_refused(tmp_path, baseline, capsys, monkeypatch):
    run = tmp_path / "before"
    for arguments, why in (
        (("--baseline", tmp_path / "none.json"), "there is no baseline at"),
        (("--baseline", "no name"), "is neither a name"),
        (("--baseline", "nowhere"), "baselines/nowhere.json (--accept makes"),
        (("--baseline", baseline, "--alpha", 2), "--alpha 2"),
        (("--baseline", baseline, "--summary", "-"), "GITHUB_STEP_SUMMARY is not set"),
        (("--baseline", baseline, "--junit", baseline / "j.xml"), "cannot be written"),
    ):
        monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
        status, _, err = call(capsys, run, *arguments)
        assert status == 2 and why in err and err.count("\n") == 1
    whole = baseline.read_text()
    for damaged in (whole[:99], "[]", whole.replace('"schema_version": 1', '"schema_version": 9'), '{"tasks": {}}'):
        baseline.write_text(damaged)
        status, _, err = call(capsys, run, "--baseline", baseline)
        assert status == 2 and "is no baseline" in err
    control = RunDirectory(run).must_read()
    control.control = "silence"
    RunDirectory(run).write(control)
    status, _, err = call(capsys, run, "--baseline", tmp_path / "c.json", "--accept")
    assert status == 2 and "control=silence" in err


def test_a_baseline_is_small_and_holds_no_answer(tmp_path, baseline):
    text = baseline.read_text()
    kept = baselines.read(baseline)
    assert kept is not None and kept.to_text() == text
    assert not set(RIGHT) & set(text.replace('"', " ").replace(",", " ").split()) - set(
        spec_of("accuracy").labels or ()
    )
    lines = text.splitlines()
    column = next(line for line in lines if line.lstrip().startswith('"ids"'))
    assert json.loads("{" + column.strip().rstrip(",") + "}")["ids"] == sorted(answers())
    assert len(text) < 2 * (2_500 + 80 * 40)


HOSTILE = 'a<b>&"]]>\x00\x1b[31m\u202e|`x`](javascript:1)'


def test_hostile_names_are_text(tmp_path, baseline, capsys, monkeypatch):
    verdicts = {}
    for name in ("kws", HOSTILE):
        said = {name: ("accuracy", answers())}
        folder = tmp_path / f"run {len(verdicts)}"
        verdicts[name] = make_run(folder, {"kws": said[name]})
    record = verdicts["kws"].must_read()
    record.left_out[HOSTILE] = HOSTILE
    record.model = HOSTILE
    verdicts["kws"].write(record)
    kept = baselines.read(baseline)
    assert kept is not None
    tasks = {"kws": kept.tasks["kws"], HOSTILE: kept.tasks["asr"]}
    baselines.write(tmp_path / "bad.json", dataclasses.replace(kept, tasks=tasks, model=HOSTILE + "2"))
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    run = (verdicts["kws"].path, "--baseline", tmp_path / "bad.json", "--junit", tmp_path / "j.xml", "--summary", "-")
    status, out, _ = call(capsys, *run)
    assert status == 1 and "\x1b" not in out and "\u202e" not in out and "\\u202e" in out
    suite = ElementTree.fromstring((tmp_path / "j.xml").read_bytes())[0]
    assert suite.attrib["tests"] == "2" and suite.attrib["failures"] == "1" and suite.attrib["errors"] == "0"
    case = next(case for case in suite if case.find("failure") is not None)
    assert case.attrib["name"] == HOSTILE.replace("\0", "").replace("\x1b", "")
    text = summary.read_text()
    assert text.startswith("before\n###") and "a&lt;b>&amp;" in text and "](" not in text and "\\|" in text
    assert all(line.replace("\\|", "").count("|") == 10 for line in text.splitlines() if line.startswith("|"))


def test_the_command_is_described():
    said = CliRunner().invoke(app, ["regression", "--help"], env={"COLUMNS": "200"}).output
    assert "--tolerance" in said and "in the unit of the score" in said


# ---- what the gate promises, by simulation --------------------------------------------------------------------------


def kept(metric: str, table: np.ndarray, groups: np.ndarray | None) -> TaskStatistics:
    """Statistics as a run directory keeps them."""
    ids = [f"s{number:05}" for number in range(table.shape[1])]
    return TaskStatistics(
        name=metric,
        signature=metric,
        scoring=ScoringSpec({metric: MetricSpec(metric)}, metric).to_dict(),
        ids=ids,
        groups=None if groups is None else [f"group {group}" for group in groups],
        subsets=None,
        references=["same"] * len(ids),
        table=table.tolist(),
        answers=None,
    )


class System:
    """Equally good systems: each run draws its answers anew, by how hard a sample is and by luck with a speaker."""

    def __init__(self, metric: str, samples: int, seed: int):
        self.metric, self.draw = metric, np.random.default_rng([samples, seed])
        self.hard = self.draw.beta(0.6, 2.0, samples)
        self.length = self.draw.integers(5, 20, samples)
        self.speakers = self.draw.integers(0, samples // 12, samples) if metric == "wer" else None

    def run(self) -> np.ndarray:
        """A table of statistics, shape = (n_statistics, n_samples)."""
        if self.speakers is None:
            return np.stack([self.draw.random(len(self.hard)) > self.hard, np.ones(len(self.hard))])
        luck = self.draw.normal(0, 0.05, self.speakers.max() + 1)[self.speakers]
        errors = self.draw.binomial(self.length, np.clip(self.hard / 2 + luck, 0, 1))
        return np.stack([errors, 0 * errors, 0 * errors, self.length])

    def damaged(self, table: np.ndarray, share: float) -> np.ndarray:
        """The same answers, of which a share is wrong from the first to the last word."""
        table = table.copy()
        hit = self.draw.permutation(table.shape[1])[: round(share * table.shape[1])]
        if self.speakers is None:
            table[0, hit] = 0
        else:
            table[:3, hit] = np.stack([0 * self.length, self.length, 0 * self.length])[:, hit]
        return table

    def kept(self, table: np.ndarray) -> TaskStatistics:
        return kept(self.metric, table, self.speakers)


def worse(befores: list[TaskStatistics], nows: list[TaskStatistics]) -> set[int]:
    """The tasks that the gate calls worse."""
    pairs = {str(n): pair(*both) for n, both in enumerate(zip(befores, nows, strict=True))}
    verdicts = {name: Verdict(name) for name in pairs}
    judge(verdicts, pairs, {}, 0.05, intervals=False)
    return {int(name) for name, verdict in verdicts.items() if verdict.is_worse}


def systems(tasks: int, samples: int, seed: int) -> list[System]:
    return [System(("accuracy", "wer")[n % 2], samples, 1000 * seed + n) for n in range(tasks)]


def null_failures(trials: int, tasks: int, samples: int) -> int:
    count = 0
    for trial in range(trials):
        pool = systems(tasks, samples, trial)
        count += bool(worse([one.kept(one.run()) for one in pool], [one.kept(one.run()) for one in pool]))
    return count


def damage_found(trials: int, tasks: int, samples: int) -> tuple[int, int]:
    """In how many trials a task with 2 % of its answers damaged was found, and in how many another was blamed."""
    found = blamed = 0
    for trial in range(trials):
        pool = systems(tasks, samples, 7000 + trial)
        before, now = [one.run() for one in pool], [one.run() for one in pool]
        victim = trial % tasks
        now[victim] = pool[victim].damaged(before[victim], 0.02)
        flagged = worse(*([one.kept(run) for one, run in zip(pool, runs, strict=True)] for runs in (before, now)))
        found += victim in flagged
        blamed += bool(flagged - {victim})
    return found, blamed


def test_equally_good_runs_seldom_fail():
    assert null_failures(120, 8, 120) <= 13  # 99 % of a binomial of 120 and 0.05


def test_damage_is_found_where_it_is():
    found, blamed = damage_found(8, 20, 1000)
    assert found >= 7 and blamed <= 2


def test_a_loss_is_found_among_a_hundred_tasks():
    """Where 1,000 draws could never tell p below 0.001, and Holm asks for 0.0005."""
    same = [System("wer", 300, n) for n in range(100)]
    befores = [one.kept(one.run()) for one in same]
    table = np.array(befores[41].table)
    nows = list(befores)
    nows[41] = same[41].kept(same[41].damaged(table, 0.1))
    assert worse(befores, nows) == {41}


@pytest.mark.long
def test_the_promise_in_full():
    assert null_failures(1000, 20, 1000) <= 67
    found, blamed = damage_found(100, 20, 1000)
    assert found >= 95 and blamed <= 11


def test_p_is_the_share_of_all_swaps():
    """Against every swap, one by one, of few groups."""
    pool = System("wer", 120, 8)
    both = pair(pool.kept(pool.run()), pool.kept(pool.run()))
    found = paired(both.metric, both.first, both.second)
    sums = [np.zeros((10, 4)), np.zeros((10, 4))]
    for side, rows in zip(sums, (both.first, both.second), strict=True):
        for row in rows:
            side[int(row.group.split()[1])] += row.fields["statistics"]
    moved = (sums[1] - sums[0])[:, :3].sum(axis=1)
    signs = 1 - 2 * ((np.arange(1024)[:, None] >> np.arange(10)) & 1)
    by_hand = np.mean(np.abs(signs @ moved) >= abs(moved.sum()) - 1e-9)
    assert (found.test, found.draws) == ("randomisation", 0) and found.p == by_hand and found.groups == 10
    turned = paired(both.metric, both.second, both.first)
    assert turned.p == found.p and turned.difference == -found.difference
    assert found.p_worse(False) + turned.p_worse(False) == 1 + found.p / 2


def test_draws_grow_with_what_must_be_told_apart():
    pool = System("wer", 1200, 6)
    table = pool.run()
    both = pair(pool.kept(table), pool.kept(pool.damaged(table, 0.05)))
    alone, among = (paired(both.metric, both.first, both.second, finest, intervals=False) for finest in (0.05, 0.0005))
    assert (alone.draws, among.draws) == (10_000, 20_000)
    assert among.p == 1 / 20_001 and among.p * 100 < 0.05 <= alone.p * 1000
    chance = pair(pool.kept(table), pool.kept(pool.run()))
    early = paired(chance.metric, chance.first, chance.second, 0.0005, intervals=False)
    assert early.draws < 20_000 and early.p == pytest.approx(25 / early.draws)
