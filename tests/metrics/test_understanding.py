"""Intents, entities, slots and short answers: by hand, by properties, and what is refused."""

import json
import random
import re
import string
import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from metrics.base import MetricError, Row
from metrics.bootstrap import measure
from metrics.score import METRICS, MetricSpec, ScoringSpec, check
from metrics.understanding import distance_counts

FEW = settings(max_examples=60, deadline=None, derandomize=True)


def value(name: str, *pairs: tuple[str | None, str], **options: Any) -> float | None:
    rows = [Row(f"{n:03}", answer, (reference,)) for n, (answer, reference) in enumerate(pairs)]
    return measure(METRICS[name](options=options), rows, draws=0)[0]


def frame(scenario: str = "alarm", action: str = "set", *entities: tuple[str, str]) -> str:
    found = [{"type": kind, "filler": filler} for kind, filler in entities]
    return json.dumps({"scenario": scenario, "action": action, "entities": found}, ensure_ascii=False)


def filler_distance(gold: str, answer: str, distance: str) -> float:
    ((_, hits, false, missed),) = distance_counts([("t", gold)], [("t", answer)], distance)
    assert hits == 1 and false == missed
    return false


@pytest.mark.parametrize(
    ("gold", "answer", "word", "char"),
    [
        ("five am", "five am", 0, 0),
        ("five am", "five pm", 1 / 2, 1 / 7),
        ("five am", "", 1, 1),
        ("am", "five am today now", 3, 15 / 17),
        ("five  am ", "five am", 0, 2 / 9),
        ("five\tam", "five am", 2, 1 / 7),
        ("明天", "今天", 1, 1 / 2),
        ("", "", 0, 0),
    ],
)
def test_distances_of_fillers(gold: str, answer: str, word: float, char: float) -> None:
    assert filler_distance(gold, answer, "word") == pytest.approx(word)
    assert filler_distance(gold, answer, "char") == pytest.approx(char)


def levenshtein(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


TEXTS = st.text("ab ", max_size=6)


@FEW
@given(TEXTS, TEXTS)
def test_distance_by_character_is_levenshtein(gold: str, answer: str) -> None:
    expected = levenshtein(gold, answer) / (max(len(gold), len(answer)) or 1)
    assert filler_distance(gold, answer, "char") == pytest.approx(expected, rel=1e-12)


def plain_counts(gold: list[tuple[str, str]], said: list[tuple[str, str]], distance: str | None) -> Counter[str]:
    """Hits, false answers and misses of one row, written out plainly."""
    left, counts = list(gold), Counter[str]()
    for kind, filler in said:
        same = [entity for entity in left if entity[0] == kind and (distance or entity[1] == filler)]
        if not same:
            counts["false"] += 1
            continue
        away = [filler_distance(entity[1], filler, distance) if distance else 0 for entity in same]
        left.remove(same[int(np.argmin(away))])
        counts["hits"] += 1
        counts["false"] += min(away)  # type: ignore[assignment]
        counts["missed"] += min(away)  # type: ignore[assignment]
    counts["missed"] += len(left)
    return counts


ENTITIES = st.lists(st.tuples(st.sampled_from(["time", "date"]), st.sampled_from(["a", "a b", "c b", "d"])), max_size=4)


@FEW
@given(st.lists(st.tuples(ENTITIES, ENTITIES), min_size=1, max_size=5))
def test_entities_equal_a_plain_count(pairs: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]]) -> None:
    rows = [(frame("s", "a", *said), frame("s", "a", *gold)) for gold, said in pairs]
    totals = {}
    for distance in (None, "word", "char"):
        counts: Counter[str] = sum((plain_counts(*pair, distance) for pair in pairs), Counter())
        totals[distance] = counts
        found = value("entity_f1", *rows, distance=distance or "exact")
        _same_f1(found, counts)
    _same_f1(value("slu_f1", *rows), totals["word"] + totals["char"])


def _same_f1(found: float | None, counts: Counter[str]) -> None:
    whole = 2 * counts["hits"] + counts["false"] + counts["missed"]
    assert found == (pytest.approx(200 * counts["hits"] / whole, rel=1e-12) if whole else None)


INTENTS = st.sampled_from(["alarm", "lists", "news"])


@FEW
@given(st.lists(st.tuples(INTENTS, INTENTS), min_size=1, max_size=15), st.randoms(use_true_random=False))
def test_intents_equal_scikit_learn_weighted_too(pairs: list[tuple[str, str]], rng: random.Random) -> None:
    rows = [Row(f"{n:03}", frame(answer, "x"), (frame(gold, "x"),)) for n, (answer, gold) in enumerate(pairs)]
    weights = np.array([rng.randint(0, 2) for _ in rows])
    weights[0] = 1
    answers, golds = [answer for answer, _ in pairs], [gold for _, gold in pairs]
    kept = {name for pair, weight in zip(pairs, weights, strict=True) if weight for name in pair}
    macro = METRICS["intent_f1"]()
    assert macro.score(macro.encode(rows), weights) == pytest.approx(  # type: ignore[attr-defined]
        100 * f1_score(golds, answers, average="macro", labels=sorted(kept), sample_weight=weights, zero_division=0)
    )
    right = measure(METRICS["intent_accuracy"](), rows, draws=0)[0]
    assert right == pytest.approx(100 * accuracy_score(golds, answers))


def test_what_cannot_be_read_misses() -> None:
    gold = frame("alarm", "set", ("time", "five am"))
    for bad in (
        "",
        None,
        "[]",
        "{}",
        '{"scenario": 1}',
        '{"scenario": "alarm", "action": null}',
        gold[:-1],
        "{" * 90_000,
    ):
        assert value("intent_accuracy", (bad, gold)) == 0 == value("intent_f1", (bad, gold))
        pairs = ((bad, gold), (gold, gold))
        assert value("intent_accuracy", *pairs) == 50 == value("intent_f1", *pairs, average="micro")
    for bad in ("", None, "[]", "{}", '{"entities": {}}', '{"entities": ["time"]}', '{"entities": [{"type": "time"}]}'):
        for name in ("entity_f1", "slu_f1"):
            assert value(name, (bad, gold)) == 0
            assert value(name, (bad, gold), (gold, gold)) == 50, "one hit, one miss, one false"
            assert value(name, (bad, frame()), (gold, gold)) == pytest.approx(100 * 2 / 3), "one hit, one false"
            assert value(name, (frame(), frame()), (gold, gold)) == 100
            assert METRICS[name]().details([Row("1", bad, (gold,))]) == {"unreadable": 1}
    assert value("entity_f1", ('{"entities": []}', gold)) == 0
    assert value("entity_f1", (frame(), frame())) is None
    assert value("intent_accuracy", (frame("alarm", "unset"), gold), part="scenario") == 100


@pytest.mark.parametrize("name", ["slot_f1", "joint_goal_accuracy", "entity_f1", "slu_f1", "intent_f1"])
def test_no_answer_as_long_is_worse_than_one_that_cannot_be_read(name: str) -> None:
    rng, slots = random.Random(3), name in ("slot_f1", "joint_goal_accuracy")
    options = {} if slots else {"average": "micro"}

    def drawn(size: int) -> str:
        pairs = [(kind, rng.choice(["x", "y", "xy"])) for kind in rng.sample("abc", size)]
        return json.dumps(dict(pairs)) if slots else frame(rng.choice(["alarm", "lists"]), "set", *pairs)

    right = drawn(3)
    for size in (0, 1, 2):
        gold = drawn(size)
        unread, perfect = (value(name, (answer, gold), (right, right), **options) for answer in (None, gold))
        assert unread == value(name, ("I cannot say.", gold), (right, right), **options)
        assert unread is not None and perfect is not None and unread < perfect == 100
        for _ in range(30):
            read = value(name, (drawn(rng.randint(0, max(size, 1))), gold), (right, right), **options)
            assert read is not None and read >= unread


def test_a_long_answer_of_entities_takes_no_time() -> None:
    said = frame("alarm", "set", *[("time", "x " * 5)] * 5000, ("date", "y" * 100_000))
    gold = frame("alarm", "set", ("time", "five am"), ("date", "today"))
    for name in ("entity_f1", "slu_f1"):
        found = value(name, (said, gold))
        assert found is not None and found < 1


def test_a_long_reference_of_entities_takes_a_moment() -> None:
    words, rng = ["five", "am", "today", "pm", "seven"], random.Random(0)
    said, gold = (frame("a", "b", *(("t", " ".join(rng.choices(words, k=4))) for _ in range(1500))) for _ in "xx")
    begun = time.perf_counter()
    found = value("slu_f1", (said, gold))
    assert found is not None and 80 < found < 100
    assert time.perf_counter() - begun < 10


@pytest.mark.parametrize(
    ("name", "reference", "message"),
    [
        ("intent_accuracy", "set alarm", "row 's1': the reference 'set alarm' has no intent; write a JSON object"),
        ("intent_f1", '{"scenario": "alarm"}', "has no intent"),
        ("entity_f1", '{"scenario": "alarm", "action": "set"}', "has no entities; write a JSON object with 'entities'"),
        ("slu_f1", '{"entities": [{"type": "time", "filler": " "}]}', "an entity of type 'time' without a filler"),
        ("joint_goal_accuracy", "[]", "is no JSON object of slot: value"),
        ("slot_f1", '{"area": {"of": "town"}}', "is no JSON object of slot: value"),
    ],
)
def test_bad_references_are_refused(name: str, reference: str, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        check(ScoringSpec({"it": MetricSpec(name)}, "it"), [{"id": "s1", "references": [reference], "fields": {}}])


@pytest.mark.parametrize(
    ("answer", "reference", "joint", "f1", "folded"),
    [
        ('{"area": "north", "stars": 4}', '{"stars": "4", "area": "north"}', 100, 100, 100),
        ('{"area": "North"}', '{"area": "north"}', 0, 0, 100),
        ('{"AREA": " the  north "}', '{"area": "the north"}', 0, 0, 100),
        ('{"area": "north", "stars": 4}', '{"area": "north"}', 0, 200 / 3, 200 / 3),
        ('{"area": "north", "stars": ""}', '{"area": "north", "name": null}', 100, 100, 100),
        ('{"area": "south"}', '{"area": "north"}', 0, 0, 0),
        ("{}", '{"area": "north"}', 0, 0, 0),
        ("north", '{"area": "north"}', 0, 0, 0),
        (None, "{}", 0, 0, 0),
        ("north", "{}", 0, 0, 0),
        ("{}", "{}", 100, None, None),
        ('{"area": ["north"]}', '{"area": "north"}', 0, 0, 0),
        ('{"area": true}', '{"area": "north"}', 0, 0, 0),
    ],
)
def test_slots(answer: str | None, reference: str, joint: float, f1: float | None, folded: float | None) -> None:
    approx = [None if wanted is None else pytest.approx(wanted) for wanted in (f1, folded)]
    assert value("joint_goal_accuracy", (answer, reference)) == joint
    assert value("slot_f1", (answer, reference)) == approx[0]
    assert value("slot_f1", (answer, reference), fold=True) == approx[1]


def test_the_best_of_several_references_counts() -> None:
    rows = [Row("1", '{"a": "x", "b": "y"}', ('{"a": "z"}', '{"a": "x", "b": "z"}', '{"b": "y", "a": "x"}'))]
    assert measure(METRICS["slot_f1"](), rows)[0] == measure(METRICS["joint_goal_accuracy"](), rows)[0] == 100
    rows = [Row("1", "The cat.", ("a dog", "cat"))]
    assert measure(METRICS["exact_match"](), rows)[0] == measure(METRICS["token_f1"](), rows)[0] == 100


@pytest.mark.parametrize(
    ("answer", "reference", "exact", "f1"),
    [
        ("The Eiffel Tower!", "eiffel tower", 100, 100),
        ("in the Eiffel tower", "eiffel tower", 0, 80),
        ("tower tower eiffel", "eiffel tower", 0, 80),
        ("it's", "its", 100, 100),
        ("the", "", 100, 100),
        ("", "A", 0, 0),  # SQuAD's rule of articles would leave nothing of it
        ("a.", "A", 100, 100),
        ("The", "A", 0, 0),
        ("an A", "A", 0, 200 / 3),
        ("", "?", 0, 0),
        ("?", "?", 100, 100),
        ("an", "x", 0, 0),
        ("", "x", 0, 0),
        (None, "the", 0, 0),
        ("two", "2", 0, 0),
        ("巴黎。", "巴黎", 0, 0),
        ("a-b", "ab", 100, 100),
    ],
)
def test_short_answers(answer: str | None, reference: str, exact: float, f1: float) -> None:
    assert value("exact_match", (answer, reference)) == exact
    assert value("token_f1", (answer, reference)) == pytest.approx(f1)


def test_the_signature_says_where_articles_are_kept() -> None:
    rows = [Row("1", "x", ("the x",)), Row("2", "x", ("x", "The"))]
    plain, bare = (METRICS["exact_match"]().signature_parts(some) for some in (rows[:1], rows))
    assert plain == {"match": "squad", "refs": "best"} and bare == {"match": "squad", "bare": "kept", "refs": "best"}


@FEW
@given(st.text("aAthe n.,'x", max_size=12), st.text("aAthe n.,'x", max_size=12))
def test_short_answers_equal_a_plain_count(answer: str, reference: str) -> None:
    def plain(text: str) -> list[str]:
        kept = "".join(sign for sign in text.lower() if sign not in string.punctuation)
        return [word for word in re.split(r"\s+", kept) if word and word not in ("a", "an", "the")]

    said, wanted = plain(answer), plain(reference)
    assume(wanted or not reference.strip())
    same = sum((Counter(said) & Counter(wanted)).values())
    expected = float(said == wanted) if not said or not wanted else 2 * same / (len(said) + len(wanted))
    assert value("token_f1", (answer, reference)) == pytest.approx(100 * expected)
    assert value("exact_match", (answer, reference)) == 100 * (said == wanted)


@pytest.mark.parametrize(
    "name", ["intent_accuracy", "intent_f1", "entity_f1", "slu_f1", "slot_f1", "joint_goal_accuracy"]
)
def test_perfect_is_100_and_damage_is_less(name: str) -> None:
    slots = name in ("slot_f1", "joint_goal_accuracy")
    golds = [json.dumps({"a": str(n), "b": "x"}) if slots else frame(f"s{n}", "a", ("t", f"f {n}")) for n in range(9)]
    right = [(gold, gold) for gold in golds]
    assert value(name, *right) == 100
    for damage in ("", None, golds[1], golds[0][:-1], "{}", "😀", "\0"):
        worse = value(name, (damage, golds[0]), *right[1:])
        assert worse is not None and worse < 100
