"""Multiple choice by sets of words, as MMAU's and MMAR's own scorer has it."""

import pytest

from metrics.score import MetricSpec, ScoringSpec, check, score

SPEC = ScoringSpec({"it": MetricSpec("word_set_match")}, "it")
CHOICES = ["A dog barking", "A cat", "The dog's owner, barking", "Rain"]


@pytest.mark.parametrize(
    ("raw", "right"),
    [
        ("A dog barking", True),
        ("(A) a DOG, barking.", True),
        ("barking, by a dog", True),
        ("A dog is barking loudly", True),
        ("dog barking", False),  # without the article a word is missing
        ("A dog barking, not a cat", False),  # a word of a wrong option
        ("A dog barking in the rain", False),
        ("A", False),
        ("", False),
        ("!?", False),
    ],
)
def test_words_decide(raw: str, right: bool) -> None:
    row = {"id": "1", "raw": raw, "references": [CHOICES[0]], "fields": {"choices": CHOICES}}
    check(SPEC, [row])
    (found,) = score([row], SPEC)
    assert found.value == 100 * right and "|match:mmau.words" in found.signature


def test_an_option_within_the_right_one_rules_nothing_out() -> None:
    row = {"id": "1", "raw": "big dog", "references": ["big dog"], "fields": {"choices": {"A": "dog", "B": "big dog"}}}
    assert score([row], SPEC)[0].value == 100
    row |= {"references": ["dog"], "raw": "big dog"}
    assert score([row], SPEC)[0].value == 0


def test_rows_without_options_show_in_the_signature() -> None:
    row = {"id": "1", "raw": "a dog", "references": ["dog"], "fields": {}}
    assert "|options:none" in score([row], SPEC)[0].signature
    assert "|options:some" in score([row, {**row, "id": "2", "fields": {"choices": ["dog"]}}], SPEC)[0].signature
