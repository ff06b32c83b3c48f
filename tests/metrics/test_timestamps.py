"""Word timestamps: the alignment and its ties, malformed answers, the first stamp put back."""

import itertools
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.base import MetricError, Row
from metrics.bootstrap import measure
from metrics.timestamps import AccumulatedAveragingShift, MeanBoundaryShift, matches, stamped, with_first_stamp

REFERENCE = "<|0.00|><|sil|><|0.50|>面<|0.80|>包<|1.00|>"


def value(answer: str | None, reference: str = REFERENCE, **options: str) -> float | None:
    return measure(AccumulatedAveragingShift(options=options), [Row("1", answer, (reference,))])[0]


def test_shifts_of_start_and_end_are_summed() -> None:
    assert value(REFERENCE) == 0
    assert value("<|0.00|><|sil|><|0.60|>面<|0.80|>包<|1.10|>") == pytest.approx(1000 * (0.1 + 0.1 + 0.1) / 3)
    half = measure(MeanBoundaryShift(), [Row("1", "<|0.00|><|sil|><|0.60|>面<|0.80|>包<|1.10|>", (REFERENCE,))])[0]
    assert half == pytest.approx(50)
    # An answer a word late is worse; one of fewer words need not be: the word error rate sees those
    assert value("<|1.00|><|sil|><|1.50|>面<|1.80|>包<|2.00|>") == pytest.approx(2000)


@pytest.mark.parametrize(
    ("text", "words", "times"),
    [
        ("<|zh|>x<|0.00|>a<|0.5|>b<|1.000|>tail", ("a", "b"), (0, 0.5, 1)),
        ("<|0.00|><|0.50|>", ("",), (0, 0.5)),
        ("<|0.00|>a<|zh|><|0.5|><|transcribe|>b<|startoftranscript|><|1.0|>", ("a", "b"), (0, 0.5, 1)),
        ("<|0.00|>a<|zh|><|en|><|0.5|>b<|fr|><|1.0|>", ("a<|zh|>", "b<|fr|>"), (0, 0.5, 1)),
        ("<|0.00|>a<|100.00|>b<|7|>c<|9.50|>", ("a<|100.00|>b<|7|>c",), (0, 9.5)),
        ("<|0.00|>a", (), (0,)),
        ("a b", (), ()),
        ("", (), ()),
    ],
)
def test_where_a_text_is_cut(text: str, words: tuple[str, ...], times: tuple[float, ...]) -> None:
    assert (stamped(text).words, stamped(text).times) == (words, times)


@pytest.mark.parametrize(
    ("text", "restored"),
    [
        ("<|sil|><|0.54|>面<|0.86|>", "<|0.00|><|sil|><|0.54|>面<|0.86|>"),
        (" 面<|0.86|>", "<|0.00|>面<|0.86|>"),
        ("<|zh|><|transcribe|>面<|0.86|>", "<|0.00|>面<|0.86|>"),
        ("<|zh|><|0.54|>面<|0.86|>", "<|zh|><|0.54|>面<|0.86|>"),
        (REFERENCE, REFERENCE),
        ("面", "面"),
        ("", ""),
    ],
)
def test_the_first_stamp_is_put_back_before_a_word(text: str, restored: str) -> None:
    assert with_first_stamp(text) == restored


def test_the_first_word_counts_once_its_stamp_is_back() -> None:
    answer = REFERENCE.removeprefix("<|0.00|>").replace("0.50", "0.60")
    assert value(answer) == pytest.approx(1000 * 0.1 / 2), "as published <|sil|> is lost"
    assert value(answer, first_stamp="restored") == pytest.approx(1000 * 0.2 / 3)
    metric = AccumulatedAveragingShift(options={"first_stamp": "restored"})
    assert metric.signature_parts([])["first"] == "restored"
    with pytest.raises(MetricError, match="'first_stamp' is 'back'; write as_is or restored"):
        AccumulatedAveragingShift(options={"first_stamp": "back"})


def test_malformed_answers_are_counted_and_pair_with_their_own_reference() -> None:
    answers = [REFERENCE, "面包", None, "<|0.00|>面包", "<|0.9|>x<|0.5|>", "面<|0.80|>包<|1.00|>"]
    rows = [Row(str(n), answer, (REFERENCE,)) for n, answer in enumerate(answers)]
    assert measure(AccumulatedAveragingShift(), rows)[0] == 0
    assert AccumulatedAveragingShift().details(rows) == {
        "answers": 6, "without_stamps": 2, "with_one_stamp": 1, "first_stamp_missing": 1, "times_run_back": 1,
        "nothing_matched": 4, "matched_words": 4, "reference_words": 18,
    }  # fmt: skip
    assert measure(AccumulatedAveragingShift(), rows[1:3]) == (None, None)


def test_references_without_words_are_refused() -> None:
    for reference in ("面包", "", "<|0.00|>"):
        with pytest.raises(MetricError, match="has no word between two stamps"):
            AccumulatedAveragingShift().check_row(Row("1", None, (reference,)))


def test_of_several_references_the_one_with_most_matches_counts() -> None:
    row = Row("1", REFERENCE, ("<|0.00|>x<|1.00|>", REFERENCE.replace("1.00", "1.20"), REFERENCE))
    assert AccumulatedAveragingShift().statistics(row) == (0, 3)
    assert AccumulatedAveragingShift().signature_parts([row])["refs"] == "best"


def plain(reference: str, answer: str) -> list[tuple[int, int]]:
    """The same preference, written down without tricks."""

    @cache
    def cost(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        diagonal = cost(i - 1, j - 1) + (reference[i - 1] != answer[j - 1])
        return min(diagonal, cost(i, j - 1) + 1, cost(i - 1, j) + 1)

    i, j, pairs = len(reference), len(answer), []
    while i and j:
        if cost(i, j) == cost(i - 1, j - 1) + (reference[i - 1] != answer[j - 1]):
            i, j = i - 1, j - 1
            pairs += [(i, j)] if reference[i] == answer[j] else []
        elif cost(i, j) == cost(i, j - 1) + 1:
            j -= 1
        else:
            i -= 1
    return pairs[::-1]


def test_ties_are_decided_from_the_end() -> None:
    assert matches("啊啊啊", "啊啊") == [(1, 0), (2, 1)]
    for size in range(5):
        for reference in map("".join, itertools.product("ab", repeat=size)):
            for answer in map("".join, itertools.product("abc", repeat=3)):
                assert matches(reference, answer) == plain(reference, answer)


@settings(max_examples=100, deadline=None)
@given(st.text("abc", max_size=12), st.text("abcd", max_size=12))
def test_the_alignment_equals_a_plain_one(reference: str, answer: str) -> None:
    assert matches(reference, answer) == plain(reference, answer)


def test_a_long_answer_takes_a_moment() -> None:
    long = "".join(f"<|{n % 90}.10|>{'ab'[n % 2]}" for n in range(9000)) + "<|99.00|>"
    assert value(long) is None and value(long, long) == 0
    assert value("<|1.0|>b" + long, long) is not None


def test_words_may_match_whatever_their_case() -> None:
    rows = [Row("a", "<|0.00|>one<|0.50|>Two<|1.00|>", ("<|0.00|>ONE<|0.60|>TWO<|1.00|>",))]
    for metric, shift in ((AccumulatedAveragingShift, 100.0), (MeanBoundaryShift, 50.0)):
        assert measure(metric(), rows, draws=0)[0] is None
        folded = metric(options={"fold": True})
        assert measure(folded, rows, draws=0)[0] == pytest.approx(shift)
        assert folded.signature_parts(rows)["case"] == "folded"
    with pytest.raises(MetricError, match="'fold' is 'yes'; it is true or false"):
        MeanBoundaryShift(options={"fold": "yes"})
