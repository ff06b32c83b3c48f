"""The metrics equal jiwer, sacreBLEU and scikit-learn on seeded random inputs."""

import random
import string

import jiwer
import numpy as np
import pytest
import sacrebleu
from sklearn.metrics import f1_score

from metrics.base import Metric, Row
from metrics.bootstrap import measure
from metrics.score import METRICS
from metrics.translation import tokens_13a

WORDS = ["a", "b", "the", "dog", "Dog", "don't", "naïve", "😀", "你好", "שלום", "x,", "."]


def value_of(metric: Metric, rows: list[Row]) -> float | None:
    return measure(metric, rows, draws=0)[0]


def random_texts(rng: random.Random, longest: int = 12) -> str:
    return rng.choice([" ", " ", "  "]).join(rng.choices(WORDS, k=rng.randint(0, longest)))


def test_word_and_character_errors_equal_jiwer() -> None:
    rng = random.Random(1)
    wer, cer = METRICS["wer"](), METRICS["cer"]()
    pairs = [(random_texts(rng), random_texts(rng)) for _ in range(3000)]
    pairs += [("a\tb c", "a b c"), ("a \n b", "a b"), ("", "x"), ("x", ""), ("", ""), (" a ", "a")]
    for reference, answer in pairs:
        row = Row("1", answer, (reference,), "en")
        words, characters = jiwer.process_words(reference, answer), jiwer.process_characters(reference, answer)
        length = words.hits + words.substitutions + words.deletions
        assert wer.statistics(row) == (words.substitutions, words.deletions, words.insertions, length)  # type: ignore[attr-defined]
        length = characters.hits + characters.substitutions + characters.deletions
        expected = (characters.substitutions, characters.deletions, characters.insertions, length)
        assert cer.statistics(row) == expected  # type: ignore[attr-defined]
    rows = [Row(str(number), answer, (reference,), "en") for number, (reference, answer) in enumerate(pairs)]
    references, answers = [list(side) for side in zip(*pairs, strict=True)]
    assert value_of(wer, rows) == pytest.approx(100 * jiwer.wer(references, answers), rel=1e-13)
    assert value_of(cer, rows) == pytest.approx(100 * jiwer.cer(references, answers), rel=1e-13)


@pytest.mark.parametrize("references", [1, 3])
@pytest.mark.parametrize(("language", "tokenizer"), [("de", "13a"), ("zh", "zh"), ("ja", "ja-mecab")])
def test_bleu_and_chrf_equal_sacrebleu(language: str, tokenizer: str, references: int) -> None:
    rng = random.Random(2)
    for _ in range(20):
        size = rng.randint(1, 20)
        answers = [random_texts(rng) for _ in range(size)]
        streams = [
            [answer if rng.random() < 0.4 else answer[:8] + random_texts(rng) for answer in answers]
            for _ in range(references)
        ]
        rows = [
            Row(f"{number:03}", answer, tuple(stream[number] for stream in streams), language)
            for number, answer in enumerate(answers)
        ]
        bleu = sacrebleu.corpus_bleu(answers, streams, tokenize=tokenizer).score
        assert value_of(METRICS["bleu"](), rows) == bleu
        assert value_of(METRICS["chrf"](), rows) == sacrebleu.corpus_chrf(answers, streams).score


def test_tokens_of_13a_are_sacrebleus() -> None:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    rng, tokenizer = random.Random(5), Tokenizer13a()
    parts = [
        *string.printable,
        *"é你\u3000\u2028",
        "&amp;",
        "&quot;",
        "&lt;",
        "<skipped>",
        "-\n",
        "  ",
        "..",
        "5.5",
        "a-5",
        "5-",
    ]
    parts += [" ", " ", ".", ",", "-", "7"] * 6
    for _ in range(20_000):
        text = "".join(rng.choices(parts, k=rng.randint(0, 20)))
        assert tokens_13a(text) == tokenizer(text.rstrip()).split(), text


@pytest.mark.parametrize("language", ["en", "zh", "ja"])
def test_bleus_counts_are_sacrebleus(language: str) -> None:
    rng, bleu = random.Random(6), METRICS["bleu"]()
    for _ in range(300):
        row = Row("1", random_texts(rng), tuple(random_texts(rng) for _ in range(rng.randint(1, 3))), language)
        row = row._replace(answer=row.references[0] + row.answer) if row.answer and rng.random() < 0.5 else row
        scorer = bleu.scorer(language)  # type: ignore[attr-defined]
        references = scorer._extract_reference_info([scorer._preprocess_segment(text) for text in row.references])
        expected = scorer._compute_segment_statistics(scorer._preprocess_segment(row.answer), references)
        assert list(bleu.statistics(row)) == expected  # type: ignore[attr-defined]


def test_signature_of_a_varying_number_of_references() -> None:
    rows = [Row("1", "a", ("a", "b")), Row("2", "a", ("a",))]
    assert METRICS["bleu"]().signature_parts(rows)["nrefs"] == "var"
    assert METRICS["wer"]().signature_parts(rows)["refs"] == "best"
    assert METRICS["bleu"]().signature_parts([Row("1", "a", ("a",), "zh"), Row("2", "a", ("a",))])["tok"] == "13a+zh"


@pytest.mark.parametrize("fixed", [True, False])
def test_macro_f1_equals_scikit_learn_weighted_too(fixed: bool) -> None:
    rng, numbers = random.Random(3), np.random.default_rng(3)
    for _ in range(100):
        labels = list(string.ascii_lowercase[: rng.randint(1, 8)])
        said = [*labels, "junk", ""]
        rows = [Row(str(n), rng.choice([*said, None]), (rng.choice(labels),)) for n in range(rng.randint(1, 40))]
        weights = numbers.integers(0, 3, len(rows))
        weights[0] = 1
        metric = METRICS["macro_f1"](labels if fixed else None)
        gold, answers = [row.references[0] for row in rows], [row.answer or "none" for row in rows]
        drawn = {label for label, weight in zip(gold, weights, strict=True) if weight}
        if fixed:  # beside what was drawn, what no row has
            drawn |= {label for label, weight in zip(answers, weights, strict=True) if weight and label in labels}
            drawn |= {*labels} - {*gold, *answers}
        expected = f1_score(
            gold, answers, average="macro", labels=sorted(drawn), sample_weight=weights, zero_division=0
        )
        whole = f1_score(gold, answers, average="macro", labels=labels, zero_division=0)
        if fixed:
            assert measure(metric, rows)[0] == pytest.approx(100 * whole, rel=1e-12)
        encoded = metric.encode(rows)  # type: ignore[attr-defined]
        assert metric.score(encoded, weights) == pytest.approx(100 * expected, rel=1e-12)  # type: ignore[attr-defined]
