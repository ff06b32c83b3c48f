"""Notes as tags: how they are read, in the published form and the strict one."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score
from sklearn.preprocessing import MultiLabelBinarizer

from metrics.base import MetricError, Row
from metrics.bootstrap import measure
from metrics.notes import QUALITIES, after_tag, midi_number
from metrics.score import METRICS, MetricSpec, ScoringSpec, check

NAMES = ["note_instrument", "note_velocity", "note_pitch", "note_chroma", "note_qualities"]


def note(pitch: object = 60, velocity: object = 100, instrument: str = "guitar_acoustic", sonic: str = "dark") -> str:
    return (
        f"<|pitch|><|midi_pitch_{pitch}|><|velocity|><|midi_velocity_{velocity}|>"
        f"<|instrument|>{instrument}<|sonic|>{sonic}"
    )


def value(name: str, rows: list[Row], published: bool = False) -> float | None:
    return measure(METRICS[name](options={"published": published}), rows, draws=0)[0]


def one(name: str, answer: str | None, reference: str, published: bool = False) -> float | None:
    return value(name, [Row("1", answer, (reference,))], published)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (note(60), 60), (note(" 60 "), 60), (note("060"), 60), (note(-1), -1), (note("1_0"), 10), (note("٦٠"), 60),
        (note("+7"), 7), (note("C4"), 128), (note("60.0"), 128), (note(""), 128), (note("9" * 5000), 128),
        ("<|pitch|> <|midi_pitch_60|>", 128), ("<|midi_pitch_60|>", 128), ("", 128),
        (note("x") + note(61), 128), (note(60) + note(61), 60), ("<|pitch|><|midi_pitch_6\n0|>", 128),
        ("<|pitch|><|midi_pitch_\n" + note(62), 62), ("<|pitch|><|midi_pitch_" * 4000, 128),
    ],
)  # fmt: skip
def test_numbers(text: str, number: int) -> None:
    assert midi_number(text, "pitch") == number


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (note(sonic="bright, dark"), "bright, dark"), (note(sonic="dark<|endoftext|>"), "dark"),
        (note(sonic=" dark \nbright"), " dark "), (note(sonic=""), ""), ("<|sonic|>", ""), ("sonic", ""),
        ("<|sonic|>a<|sonic|>b", "a"),
    ],
)  # fmt: skip
def test_texts(text: str, after: str) -> None:
    assert after_tag(text, "sonic") == after


def test_what_both_lack_is_a_hit_only_as_published() -> None:
    for name in ("note_instrument", "note_velocity", "note_pitch", "note_chroma"):
        assert one(name, "no idea", "nothing", published=True) == 100
        assert one(name, None, "nothing", published=True) == 100
        assert one(name, "no idea", "nothing") == 0
    assert one("note_pitch", note(128), note(128)) == 0
    assert one("note_qualities", "", note(sonic=""), published=True) is None


def test_strict_reads_what_is_meant() -> None:
    rows = [Row("1", note(sonic="bright,dark "), (note(sonic="dark, bright"),)), Row("2", note(sonic=""), (note(),))]
    assert value("note_qualities", rows[:1]) == 1
    assert value("note_qualities", rows[:1], published=True) == 1, "nothing is read, and the base rate is 1"
    assert value("note_qualities", [*rows, Row("3", note(sonic=""), (note(sonic=""),))], published=True) == 0.5
    assert one("note_instrument", note(instrument="guitar_acoustic "), note()) == 100
    assert one("note_instrument", note(instrument="guitar_acoustic "), note(), published=True) == 0
    assert one("note_chroma", note(72), note(60)) == 100
    assert one("note_chroma", note(72), note(60), published=True) == 0


@pytest.mark.parametrize(
    ("name", "reference", "message"),
    [
        ("note_pitch", "guitar", "row 's1': no pitch can be read in the reference 'guitar'"),
        ("note_chroma", note(128), "no pitch can be read"),
        ("note_velocity", note(velocity="loud"), "no velocity can be read"),
        ("note_instrument", note(instrument=""), "no instrument can be read"),
        ("note_qualities", "<|instrument|>x", "no qualities can be read"),
        ("note_qualities", note(sonic="dark, warm"), "has the quality 'warm', which NSynth has not"),
    ],
)
def test_bad_references_are_refused_in_the_strict_form(name: str, reference: str, message: str) -> None:
    sample = {"id": "s1", "references": [reference], "fields": {}}
    with pytest.raises(MetricError, match=message):
        check(ScoringSpec({"it": MetricSpec(name)}, "it"), [sample])
    check(ScoringSpec({"it": MetricSpec(name, options={"published": True})}, "it"), [sample])


def test_details_say_what_could_not_be_read() -> None:
    rows = [Row("1", note(), (note(),)), Row("2", "x", (note(),)), Row("3", None, (note(),)), Row("4", "", (note(),))]
    for name in NAMES:
        found = METRICS[name]().details(rows)
        assert found is not None and (found["unreadable"], found["unreadable_percent"]) == (3, 75)
    found = METRICS["note_qualities"]().details(rows)
    assert found is not None and found["without_positives"] == [q for q in QUALITIES if q != "dark"]


PITCHES = st.one_of(st.integers(58, 74), st.just("x"))
NOTES = st.builds(
    note,
    pitch=PITCHES,
    velocity=st.sampled_from([25, 50, "?"]),
    instrument=st.sampled_from(["a", "b", ""]),
    sonic=st.lists(st.sampled_from([*QUALITIES[:4], "loud"]), max_size=3, unique=True).map(", ".join),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(NOTES, NOTES), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_published_form_equals_scikit_learn(pairs: list[tuple[str, str]], rng: random.Random) -> None:
    rows = [Row(f"{n:03}", answer, (gold,)) for n, (answer, gold) in enumerate(pairs)]
    weights = np.array([rng.randint(0, 2) for _ in rows])
    weights[0] = 1
    drawn = [row for row, times in zip(rows, weights, strict=True) for _ in range(times)]
    golds, answers = [row.references[0] for row in drawn], [row.answer or "" for row in drawn]
    for name, read in (
        ("note_pitch", lambda text: midi_number(text, "pitch")),
        ("note_velocity", lambda text: midi_number(text, "velocity")),
        ("note_instrument", lambda text: after_tag(text, "instrument")),
    ):
        expected = 100 * accuracy_score(list(map(read, golds)), list(map(read, answers)))
        assert value(name, drawn, published=True) == pytest.approx(expected, rel=1e-12)
    columns = MultiLabelBinarizer().fit_transform([[midi_number(text, "pitch")] for text in golds + answers])
    places = columns.argmax(axis=1).reshape(2, -1) % 12
    chroma = METRICS["note_chroma"](options={"published": True})
    expected = 100 * np.mean(places[0] == places[1])
    assert chroma.score(chroma.encode(rows), weights) == pytest.approx(expected, rel=1e-12)  # type: ignore[attr-defined]
    labels = [[one for one in after_tag(text, "sonic").split(", ") if one in QUALITIES] for text in golds + answers]
    mean_ap = METRICS["note_qualities"](options={"published": True})
    found = mean_ap.score(mean_ap.encode(rows), weights)  # type: ignore[attr-defined]
    if not any(labels):
        assert np.isnan(found)
    elif not any(labels[: len(golds)]):
        assert found == 0 or np.isnan(found)
    else:
        table = MultiLabelBinarizer().fit_transform(labels).reshape(2, len(golds), -1)
        by_class = [
            average_precision_score(table[0][:, n], table[1][:, n]) if table[0][:, n].any() else 0.0
            for n in range(table.shape[2])
        ]
        assert found == pytest.approx(np.mean(by_class), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_perfect_and_damaged_notes(name: str) -> None:
    metric = METRICS[name]()
    golds = [
        note(60 + n % 12, 25 * (n % 4 + 1), f"i{n % 5}", ", ".join(QUALITIES[n % 8 : n % 8 + 2])) for n in range(24)
    ]
    rows = [Row(f"{n:03}", gold, (gold,)) for n, gold in enumerate(golds)]
    assert value(name, rows) == metric.range[1] == value(name, rows, published=True)
    for damage in ("", None, note(61, 1, "no", "percussive"), "<|pitch|>", "\0"):
        worse = value(name, [Row("000", damage, (golds[0],)), *rows[1:]])
        assert worse is not None and worse < metric.range[1]
