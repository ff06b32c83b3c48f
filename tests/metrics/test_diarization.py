"""Diarization and speaker-attributed error rates: forms of segments, options, against pyannote.metrics and meeteval."""

import json
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metrics.overlap
from metrics.base import MetricError, Row, SumMetric
from metrics.bootstrap import measure
from metrics.diarization import DiarizationErrorRate, JaccardErrorRate
from metrics.overlap import ConcatenatedPermutationErrorRate, OptimalReferenceCombinationErrorRate
from metrics.score import MetricSpec, ScoringSpec, check, score
from metrics.segments import Segment, segments_of

Item = dict[str, Any]
NEEDS_MEETEVAL = pytest.mark.skipif(
    find_spec("meeteval") is None, reason="meeteval is not installed; it needs a C++ compiler and Python's headers"
)
TURNS = [("A", 0, 2.5), ("B", 2, 4), ("A", 4, 5)]


def spans(*turns: tuple[Any, ...]) -> str:
    return json.dumps([dict(zip(("speaker", "start", "end", "words"), turn, strict=False)) for turn in turns])


def value(metric: SumMetric, answer: str | None, reference: str, **fields: Any) -> float | None:
    return measure(metric, [Row("1", answer, (reference,), "en", fields=fields)])[0]


@pytest.mark.parametrize(
    "text",
    [
        spans(("A", 0, 1.5, "a b"), ("B", 1, 2, "c")),
        '[{"speaker": "A", "start": 0, "end": 1.5, "text": "a b"}, {"speaker": "B", "start": 1, "end": 2, "words": ["c"]}]',
        ";; comment\n\nf 1 A 0.0 1.5 a b\nf 1 B 1 2 <o,f0,male> c\n",
    ],
)
def test_forms_with_words(text: str) -> None:
    assert segments_of(text) == [Segment("A", 0, 1.5, "a b"), Segment("B", 1, 2, "c")]


def test_rttm_and_lists_without_times() -> None:
    rttm = "SPKR-INFO f 1 <NA> <NA> <NA> unknown A <NA>\nSPEAKER f 1 0.5 1.25 <NA> <NA> A <NA> <NA>\n"
    assert segments_of(rttm) == [Segment("A", 0.5, 1.75)]
    untimed = '[{"speaker": 1, "words": "a"}, {"speaker": 2, "words": "b"}]'
    assert segments_of(untimed) is None
    assert segments_of(untimed, timed=False) == [Segment("1", 0, 0, "a"), Segment("2", 0, 0, "b")]
    assert segments_of("[]") == []


@pytest.mark.parametrize(
    "text",
    [
        "", None, "A speaks first.", "{}", "null", "[1]", "[[]]", "[" * 100_000, '[{"speaker": "A"}]', "\0", "😀",
        spans(("A", 2, 1)), spans(("A", "0", 1)), spans(("A", 0, True)), spans(("A", -1e9, 1)), spans((None, 0, 1)),
        '[{"speaker": "A", "start": 0, "end": NaN}]', '[{"speaker": "A", "start": 0, "end": 1, "words": 3}]',
        "SPEAKER f 1 0.5", "SPEAKER f 1 0 -1 <NA> <NA> A", "SPEAKER f 1 x 1 <NA> <NA> A",
        "SPEAKER f 1 0 1 <NA> <NA> A\nSPEAKER f 1 0 inf <NA> <NA> A",
    ],
)  # fmt: skip
def test_what_cannot_be_read_misses_everything(text: str | None) -> None:
    reference = spans(*((*turn, "a") for turn in TURNS))
    assert segments_of(text) is None
    for metric in (DiarizationErrorRate(), JaccardErrorRate()):
        assert value(metric, text, reference) == 100
        assert metric.details([Row("1", text, (reference,))])["unreadable"] == 1
    untimed = '[{"speaker": "A"}]'
    if find_spec("meeteval") is not None and text != untimed:
        assert value(ConcatenatedPermutationErrorRate(), text, reference) == 100
        assert value(OptimalReferenceCombinationErrorRate(), text, reference) == 100


@pytest.mark.parametrize(
    ("reference", "message"),
    [("A speaks.", "is no list of segments"), ("[{}]", "is no list of segments"), (spans(("A", 2, 1)), "is no list")],
)
def test_bad_references_are_refused(reference: str, message: str) -> None:
    for metric in (DiarizationErrorRate(), ConcatenatedPermutationErrorRate()):
        with pytest.raises(MetricError, match=message):
            metric.check_row(Row("1", None, (reference,)))


def test_rows_and_options_are_checked() -> None:
    good = spans(*TURNS)
    with pytest.raises(MetricError, match="2 references; who spoke when has one"):
        DiarizationErrorRate().check_row(Row("1", None, (good, good)))
    with pytest.raises(MetricError, match="has no 'words'"):
        ConcatenatedPermutationErrorRate().check_row(Row("1", None, (good,)))
    crowd = spans(*((str(n), n, n + 1, "a") for n in range(21)))
    with pytest.raises(MetricError, match="has 21 speakers; meeteval takes 20 at most"):
        ConcatenatedPermutationErrorRate().check_row(Row("1", None, (crowd,)))
    for uem in (3, [], [1, 0], [[0, 1], 2], ["0", "1"]):
        with pytest.raises(MetricError, match="the field 'uem' is"):
            DiarizationErrorRate().check_row(Row("1", None, (good,), fields={"uem": uem}))
    for options in ({"collar": -1}, {"collar": "a"}, {"collar": True}, {"skip_overlap": 1}, {"merge": "yes"}):
        with pytest.raises(MetricError, match="write"):
            DiarizationErrorRate(options=options)
    with pytest.raises(MetricError, match="no normalizer named 'defalt'"):
        ConcatenatedPermutationErrorRate(options={"normalizer": "defalt"})


def test_right_is_perfect_and_damage_is_worse() -> None:
    reference = spans(*TURNS)
    renamed = spans(*((f"speaker {speaker}", start, end) for speaker, start, end in TURNS))
    for metric in (DiarizationErrorRate(), JaccardErrorRate()):
        assert value(metric, renamed, reference) == 0
        lost = value(metric, spans(*TURNS[:2]), reference)
        assert lost is not None and 0 < lost <= 100
    assert value(DiarizationErrorRate(), spans(("A", 0, 1), ("A", 0.5, 2)), spans(("x", 0, 2))) == 0
    unmerged = DiarizationErrorRate(options={"merge": False})
    assert value(unmerged, spans(("A", 0, 1), ("A", 0.5, 2)), spans(("x", 0, 2))) == pytest.approx(25)


def test_a_rate_of_nothing_is_undefined() -> None:
    reference, none = spans(*((*turn, "a") for turn in TURNS)), "[]"
    for kind in (DiarizationErrorRate, JaccardErrorRate):
        for answer in (reference, none, spans(("C", 30, 31))):
            assert value(kind(), answer, none) is None
            assert value(kind(options={"collar": 60}), answer, reference) is None
            assert value(kind(), answer, reference, uem=[20, 40]) is None
        both = spans(("A", 0, 2), ("B", 0, 2))
        assert value(kind(options={"skip_overlap": True}), both, both) is None
    if find_spec("meeteval") is not None:
        noise = spans(("A", 0, 1, "[noise]"))
        for speakers in (ConcatenatedPermutationErrorRate(), OptimalReferenceCombinationErrorRate()):
            assert value(speakers, none, none) is None is value(speakers, noise, noise)


def test_uem_bounds_what_is_scored_and_is_in_the_signature() -> None:
    reference, answer = spans(("A", 0, 2)), spans(("A", 0, 2), ("B", 8, 9))
    assert value(DiarizationErrorRate(), answer, reference) == pytest.approx(50)
    assert value(DiarizationErrorRate(), answer, reference, uem=[0, 5]) == 0
    assert value(DiarizationErrorRate(), answer, reference, uem=[[0, 1], [8, 8.5]]) == pytest.approx(50)
    rows = [Row("1", answer, (reference,)), Row("2", answer, (reference,), fields={"uem": [0, 5]})]
    assert DiarizationErrorRate().signature_parts(rows)["uem"] == "extent+field"
    assert DiarizationErrorRate().details(rows) == {
        "missed": 0, "false_alarm": 1, "confusion": 0, "reference_speech": 4, "unreadable": 0,
    }  # fmt: skip


TIMES = st.integers(0, 40).map(lambda n: n / 4)
SEGMENTS = st.lists(st.tuples(st.sampled_from("ABC"), TIMES, st.integers(1, 12).map(lambda n: n / 4)), max_size=6)


@settings(max_examples=40, deadline=None)
@given(SEGMENTS, SEGMENTS, st.sampled_from([0.0, 0.25]), st.booleans())
def test_der_and_jer_equal_pyannote(
    reference: list[tuple[str, float, float]],
    answer: list[tuple[str, float, float]],
    collar: float,
    skip_overlap: bool,
) -> None:
    from pyannote.core import Annotation
    from pyannote.core import Segment as Span
    from pyannote.metrics import diarization as theirs

    sides = []
    for turns in (reference, answer):
        annotation = Annotation()
        for track, (speaker, start, length) in enumerate(turns):
            annotation[Span(start, start + length), track] = speaker
        sides.append(annotation.support())
    texts = [
        spans(*((speaker, start, start + length) for speaker, start, length in turns)) for turns in (answer, reference)
    ]
    options = {"collar": collar, "skip_overlap": skip_overlap}
    for mine, other in (
        (DiarizationErrorRate(options=options), theirs.DiarizationErrorRate(2 * collar, skip_overlap)),
        (JaccardErrorRate(options=options), theirs.JaccardErrorRate(2 * collar, skip_overlap)),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the extent stands for the scored region
            components = other(*sides, detailed=True)
        found = value(mine, *texts)
        total = components["total"] if mine.name == "der" else components["speaker count"]
        if total:
            assert found == pytest.approx(100 * components[other.name], rel=1e-9, abs=1e-9)


def meeteval_form(turns: Sequence[tuple[str, int, str]]) -> list[Item]:
    ordered = sorted(turns, key=lambda turn: turn[1])
    return [
        {"session_id": "s", "speaker": speaker, "start_time": start, "end_time": start + 1, "words": words}
        for speaker, start, words in ordered
    ]


SPOKEN = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.integers(0, 9),
        st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(" ".join),
    ),
    min_size=1,
    max_size=5,
)


@NEEDS_MEETEVAL
@settings(max_examples=40, deadline=None)
@given(SPOKEN, SPOKEN)
def test_cpwer_and_orcwer_equal_meeteval(
    reference: list[tuple[str, int, str]], answer: list[tuple[str, int, str]]
) -> None:
    from meeteval.io import SegLST
    from meeteval.wer import cp_word_error_rate, orc_word_error_rate

    sides = [SegLST(meeteval_form(turns)) for turns in (reference, answer)]
    texts = [
        spans(*((speaker, start, start + 1, words) for speaker, start, words in turns)) for turns in (answer, reference)
    ]
    for mine, theirs in (
        (ConcatenatedPermutationErrorRate(options={"normalizer": "none"}), cp_word_error_rate),
        (OptimalReferenceCombinationErrorRate(options={"normalizer": "none"}), orc_word_error_rate),
    ):
        assert value(mine, *texts) == pytest.approx(100 * theirs(*sides).error_rate, rel=1e-12)


@NEEDS_MEETEVAL
def test_speakers_words_and_normalisers() -> None:
    reference = spans(("A", 0, 1, "Hello there."), ("B", 0.5, 2, "Don’t go"))
    renamed = spans(("2", 0, 1, "do not GO"), ("1", 1, 2, "hello, there"))
    cp, orc = ConcatenatedPermutationErrorRate(), OptimalReferenceCombinationErrorRate()
    assert value(cp, renamed, reference) == value(orc, renamed, reference) == 0
    one = spans(("1", 0, 1, "hello there do not go"))
    assert value(cp, one, reference) == pytest.approx(100 * 4 / 5) and value(orc, one, reference) == 0
    row = Row("1", one, (reference,), "en")
    assert cp.details([row]) == {
        "substitutions": 0, "deletions": 2, "insertions": 2, "reference_words": 5, "speakers_missed": 1,
        "speakers_invented": 0, "unreadable": 0,
    }  # fmt: skip
    assert cp.signature_parts([row])["words"] == "default.1(whisper_en.1)"
    chinese = Row("1", spans(("1", 0, 1, "你好！")), (spans(("A", 0, 1, "你坏")),), "zh")
    assert measure(cp, [chinese])[0] == 50 and cp.signature_parts([chinese])["tok"] == "char"


def test_without_meeteval_only_its_own_metrics_have_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ConcatenatedPermutationErrorRate.example
    spec = ScoringSpec({name: MetricSpec(name) for name in ("cpwer", "orcwer", "der")}, "der")
    monkeypatch.setattr(metrics.overlap, "find_spec", lambda name: None)
    check(spec, [{"id": "1", "references": [text]}])
    cp, orc, der = score([{"id": "1", "raw": text, "references": [text]}], spec)
    assert (cp.value, orc.value, der.value) == (None, None, 0)
    assert (
        cp.unavailable is not None
        and "cpwer needs meeteval" in cp.unavailable
        and "pip install meeteval" in cp.unavailable
    )
    assert cp.signature.endswith("|meeteval:none")


@NEEDS_MEETEVAL
def test_too_many_speakers_and_too_large_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = spans(("A", 0, 1, "a b"), ("B", 1, 2, "c"))
    crowd = spans(*((str(n), n, n + 1, "a") for n in range(30)))
    cp, orc = ConcatenatedPermutationErrorRate(), OptimalReferenceCombinationErrorRate()
    assert value(cp, crowd, reference) == value(orc, crowd, reference) == 100
    long = spans(("A", 0, 1, "a " * 30_000), ("B", 0, 1, "b " * 3000))
    assert value(orc, long, reference) is not None
    assert orc.details([Row("1", long, (reference,), "en")])["greedy"] == 1
    monkeypatch.setattr(metrics.overlap, "CELLS", 0)
    assert value(orc, reference, reference) == 0
