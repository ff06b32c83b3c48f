"""Statistics of a task's samples: they stand in for the answers wherever two systems are compared."""

import json
import random

import numpy as np
import pytest

from metrics import randomization
from metrics.answers import answers
from metrics.base import Row
from metrics.paired import compare
from metrics.score import MetricSpec, Scoring, ScoringSpec, metric_for
from results import statistics
from results.files import RunError
from results.pairs import pair, places

METRICS = {
    "wer": MetricSpec("wer", "whisper_en"),
    "bleu": MetricSpec("bleu"),
    "cider": MetricSpec("cider"),
    "accuracy": MetricSpec("accuracy", "basic"),
    "macro_f1": MetricSpec("macro_f1"),
}
WORDS = ("a dog", "the dog barks", "rain falls on the roof", "two men talk", "music", "a dog barks at the man")


def records(seed: int, count: int = 60, wrong: float = 0.4) -> list[dict]:
    draw = random.Random(seed)
    return [
        {
            "id": f"s{number:03}",
            "group": f"speaker {number % 20}" if number % 3 else None,
            "subset": ("one", "two")[number % 2],
            "references": [WORDS[number % len(WORDS)]],
            "fields": {},
            "raw": draw.choice(WORDS) if draw.random() < wrong else WORDS[number % len(WORDS)],
            "status": "ok",
        }
        for number in range(count)
    ]


def spec(name: str) -> ScoringSpec:
    labels = list(WORDS) if name in ("accuracy", "macro_f1") else None
    return ScoringSpec({name: METRICS[name]}, name, language="en", labels=labels)


@pytest.mark.parametrize("name", METRICS)
def test_compare_as_the_answers_do(name, tmp_path):
    systems = [records(1), records(2, wrong=0.6)]
    kept = []
    for number, rows in enumerate(systems):
        statistics.write(tmp_path / str(number), statistics.of(Scoring(rows, spec(name))))
        found = statistics.read(tmp_path / str(number))
        assert found is not None
        kept.append(found)
    paired = pair(*kept)
    assert (paired.only_first, paired.only_second, paired.differing) == (0, 0, 0)
    by_answers = compare(metric_for(spec(name), name), *(answers(rows, spec(name), name) for rows in systems))
    assert compare(paired.metric, paired.first, paired.second) == by_answers
    assert by_answers.difference


def test_pair_the_samples_that_both_answered_to_the_same_question():
    first, second = records(1), records(2)
    del first[5], second[7:9]
    second[20]["references"] = ["another"]
    second[21]["group"] = "nobody"
    failed = second[30]
    failed.update(status="failed", raw=None)
    paired = pair(*(statistics.of(Scoring(rows, spec("wer"))) for rows in (first, second)))
    assert (paired.only_first, paired.only_second, paired.differing) == (3, 1, 2)
    ids = [row.id for row in paired.first]
    assert ids == [row.id for row in paired.second]
    assert len(ids) == 60 - 1 - 2 - 2 - 1
    assert not {"s005", "s007", "s008", "s022", "s023", failed["id"]} & {*ids}


def test_places_are_of_the_samples_that_a_pair_has():
    first, second = records(1), records(2)
    del first[5], second[7:9]
    second[20]["references"] = ["another"]
    second[21]["group"] = "nobody"
    kept = [statistics.of(Scoring(rows, spec("wer"))) for rows in (first, second)]
    for one, other, only in ((*kept, None), (*kept, "one"), (kept[0], kept[0], "two")):
        chosen = one.of_subset(only)
        ones, twos = places(one, other, chosen)
        expected = [row.id for row in pair(one, other, only={one.ids[place] for place in chosen}).first]
        assert [one.ids[place] for place in ones] == [other.ids[place] for place in twos] == expected
        assert 0 < len(expected) < len(one.ids)


def test_refuse_to_pair_what_was_scored_otherwise():
    first, second = records(1), records(2)
    other = ScoringSpec({"wer": MetricSpec("wer", "basic")}, "wer", language="en")
    with pytest.raises(ValueError, match=r"scored otherwise: wer\|norm:whisper_en.*basic"):
        pair(statistics.of(Scoring(first, spec("wer"))), statistics.of(Scoring(second, other)))


def test_take_a_part():
    kept = [statistics.of(Scoring(records(seed), spec("wer"))) for seed in (1, 2)]
    ones = {name for name, subset in kept[0].subset_of().items() if subset == "one"}
    paired = pair(*kept, only=ones)
    assert [row.id for row in paired.first] == sorted(ones)
    assert (paired.only_first, paired.only_second) == (0, 0)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data["ids"].reverse(),
        lambda data: data["ids"].pop(),
        lambda data: data["table"][0].pop(),
        lambda data: data.update(table=None),
        lambda data: data.pop("groups"),
        lambda data: data.update(more=1),
        lambda data: data.update(table={}),
        lambda data: data["table"].pop(),
        lambda data: data["table"][0].__setitem__(3, "x"),
        lambda data: data["table"][0].__setitem__(3, float("nan")),
        lambda data: data["references"].__setitem__(3, None),
    ],
)
def test_refuse_a_damaged_file(tmp_path, damage):
    statistics.write(tmp_path, statistics.of(Scoring(records(1), spec("wer"))))
    path = tmp_path / "statistics.json"
    data = json.loads(path.read_text())
    damage(data)
    path.write_text(json.dumps(data))
    with pytest.raises(RunError, match=r"statistics\.json is damaged .*delete it"):
        statistics.read(tmp_path)


@pytest.mark.parametrize("said", [True, {}, {"answer": 1, "references": ["a"], "language": None}])
def test_refuse_damaged_answers(tmp_path, said):
    statistics.write(tmp_path, statistics.of(Scoring(records(1), spec("macro_f1"))))
    path = tmp_path / "statistics.json"
    data = json.loads(path.read_text())
    data["answers"][3] = said
    path.write_text(json.dumps(data))
    with pytest.raises(RunError, match=r"statistics\.json is damaged"):
        statistics.read(tmp_path)


def test_keep_none_where_the_metric_is_not_available(tmp_path, monkeypatch):
    statistics.write(tmp_path, statistics.of(Scoring(records(1), spec("wer"))))
    monkeypatch.setattr("metrics.wer.WordErrorRate.missing", lambda self: "no words here")
    statistics.write(tmp_path, statistics.of(Scoring(records(1), spec("wer"))))
    assert statistics.read(tmp_path) is None


def test_a_tolerance_is_held_by_students_t_where_groups_are_few() -> None:
    """Of a mean the standard error that t takes is that of the textbook, with groups - 1 in its denominator."""
    metric = metric_for(spec("cider"), "cider")
    losses = np.array([0.1, 0.3, 0.2, 0.6, 0.4])
    rows = [Row(f"{n}", "a", ("a",), None, f"{n}", {"statistics": (3 - loss, 1.0)}) for n, loss in enumerate(losses)]
    before = [row._replace(fields={"statistics": (3.0, 1.0)}) for row in rows]
    found = randomization.paired(statistics.Recorded(metric), before, rows)
    assert found.spread == pytest.approx(losses.std(ddof=1) / 5**0.5, rel=0.05)
