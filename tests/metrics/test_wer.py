"""The alignment behind the counts, and what the details of error rates say."""

import json

import jiwer
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.base import Row
from metrics.wer import LISTED, MixedErrorRate, Operation, WordErrorRate, align

WORDS = st.lists(st.sampled_from(["a", "b", "c", "你", "😀", "שלום"]), max_size=12)


def test_an_alignment_in_steps() -> None:
    row = Row("1", "the bat sat there", ("the cat sat",), "en")
    assert WordErrorRate().align(row) == [
        Operation("hit", "the", "the"),
        Operation("substitution", "cat", "bat"),
        Operation("hit", "sat", "sat"),
        Operation("insertion", None, "there"),
    ]
    assert WordErrorRate().align(Row("1", None, ("a b",))) == [
        Operation("deletion", "a", None),
        Operation("deletion", "b", None),
    ]
    assert [step.reference for step in MixedErrorRate().align(Row("1", "", ("我 go",)))] == ["我", "go"]
    assert WordErrorRate().align(Row("1", "a b", ("x y z", "a c", "a"))) == [
        Operation("hit", "a", "a"),
        Operation("substitution", "c", "b"),
    ], "the reference that counts: fewest edits, then the longest"


@settings(max_examples=150, deadline=None)
@given(WORDS, st.lists(WORDS, min_size=1, max_size=3))
def test_the_alignment_is_that_of_the_counts_and_of_jiwer(answer: list[str], references: list[list[str]]) -> None:
    row = Row("1", " ".join(answer), tuple(map(" ".join, references)), "en")
    steps = WordErrorRate().align(row)
    kinds = [step.kind for step in steps]
    counts = [kinds.count(kind) for kind in ("substitution", "deletion", "insertion")]
    right = [step.reference for step in steps if step.reference is not None]
    assert [*counts, len(right)] == list(WordErrorRate().statistics(row))
    assert [step.answer for step in steps if step.answer is not None] == answer and right in references
    found = jiwer.process_words(" ".join(right), " ".join(answer))
    assert (found.hits, *counts) == (kinds.count("hit"), found.substitutions, found.deletions, found.insertions)
    assert align(right, answer) == steps


def test_details_are_counted_bounded_and_ordered() -> None:
    rows = [Row(str(n), f"b a x{n % 25} c", (f"a y{n % 25} c",), "en") for n in range(50)] + [
        Row("z", "", ("gone",), "en")
    ]
    details = WordErrorRate().details(rows)
    assert {key: details[key] for key in ("hits", "substitutions", "deletions", "insertions")} == {
        "hits": 100, "substitutions": 50, "deletions": 1, "insertions": 50,
    }  # fmt: skip
    assert details["confused"][:2] == [["y0", "x0", 2], ["y1", "x1", 2]] and len(details["confused"]) == LISTED
    assert details["deleted"] == [["gone", 1]] and details["inserted"] == [["b", 50]]
    assert details == WordErrorRate().details(rows[::-1])
    long = WordErrorRate().details([Row("1", "a" * 100_000, ("\0😀",), "en")])
    assert len(json.dumps(long)) < 1000
