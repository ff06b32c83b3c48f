"""BLEU's tokens, chrF++ and TER equal sacreBLEU; COMET is asked as its package documents."""

import random
import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.metrics.lib_ter import translation_edit_rate

from metrics import comet
from metrics.base import MetricError, Row
from metrics.bootstrap import measure
from metrics.score import METRICS, MetricSpec, ScoringSpec, check, score
from metrics.shifts import edits_with_shifts
from metrics.translation import TOKENIZE

WORDS = ["a", "the", "dog", "Dog", "don't", "😀", "你好", "ねこ", "x,", ".", "שלום"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
CORPORA = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=6)
FEW = settings(max_examples=25, deadline=None, derandomize=True)


def value(name: str, corpus: list[tuple[str, ...]], language: str | None = None, **options: Any) -> float | None:
    rows = [Row(f"{n:03}", answer, tuple(references), language) for n, (answer, *references) in enumerate(corpus)]
    return measure(METRICS[name](options=options), rows, draws=0)[0]


def streams(corpus: list[tuple[str, str, str]]) -> tuple[list[str], list[list[str]]]:
    answers, first, second = (list(texts) for texts in zip(*corpus, strict=True))
    return answers, [first, second]


@pytest.mark.parametrize("tokenize", [name for name in TOKENIZE if name != "ko-mecab"])
@FEW
@given(corpus=CORPORA)
def test_tokens_of_bleu(tokenize: str, corpus: list[tuple[str, str, str]]) -> None:
    expected = BLEU(tokenize=tokenize).corpus_score(*streams(corpus)).score
    assert value("bleu", corpus, "zh", tokenize=tokenize) == pytest.approx(expected, rel=1e-12)


def test_scores_of_many_sums_are_those_of_each() -> None:
    """To the last digit, for they are equal or not in tests: with no n-gram found of some orders, or none at all."""
    draw = np.random.default_rng(3)
    metric = METRICS["bleu"]()
    total = np.sort(draw.integers(0, 60, (2000, 4)))[:, ::-1]
    total[::7, 2:] = 0
    correct = np.minimum(draw.integers(-20, 60, (2000, 4)).clip(0), total)
    sums = np.hstack([total[:, :1], draw.integers(1, 90, (2000, 1)), correct, total]).astype(np.float64)
    sums[0] = 0
    each = [sacrebleu.metrics.BLEU()._compute_score_from_stats([*map(int, row)]).score for row in sums]
    assert metric.scores(sums).tolist() == each == [metric.score(row) for row in sums]
    assert len({*each}) > 1000 and not all(each)


def test_tokens_are_in_the_signature() -> None:
    rows = [Row("1", "a", ("a",), "zh")]
    assert METRICS["bleu"]().signature_parts(rows)["tok"] == "zh"
    assert METRICS["bleu"](options={"tokenize": "char"}).signature_parts(rows)["tok"] == "char"
    assert METRICS["chrf_pp"]().signature_parts(rows)["nw"] == "2" != METRICS["chrf"]().signature_parts(rows)["nw"]


def test_tokens_that_need_a_dictionary_say_so() -> None:
    try:
        BLEU(tokenize="ko-mecab")
    except RuntimeError:
        said = METRICS["bleu"](options={"tokenize": "ko-mecab"}).missing()
        assert said and said.endswith("pip install 'sacrebleu[ko]'")
    assert METRICS["bleu"](options={"tokenize": "ja-mecab"}).missing() is None is METRICS["bleu"]().missing()


@FEW
@given(CORPORA)
def test_chrf_plus_plus_and_edit_rate(corpus: list[tuple[str, str, str]]) -> None:
    expected = CHRF(word_order=2).corpus_score(*streams(corpus)).score
    assert value("chrf_pp", corpus) == pytest.approx(expected, rel=1e-12)
    for options in ({}, {"normalized": True, "asian_support": True}, {"no_punct": True, "case_sensitive": True}):
        expected = TER(**options).corpus_score(*streams(corpus))
        found = value("ter", corpus, **options)
        assert found == (pytest.approx(expected.score, rel=1e-12) if expected.ref_length else None)


@st.composite
def rearranged(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """A reference, and an answer of its words cut into pieces, some left out, doubled, changed, in another order."""
    words = draw(st.lists(st.sampled_from("abcdefgh"), max_size=90))
    cuts = sorted(draw(st.lists(st.integers(0, len(words)), max_size=6)))
    pieces = [words[start:end] for start, end in zip([0, *cuts], [*cuts, len(words)], strict=True)]
    pieces += draw(st.lists(st.sampled_from([["x"], ["a", "b"], ["a"] * 30, *pieces]), max_size=3))
    moved = draw(st.permutations(pieces))[draw(st.integers(0, 2)) :]
    return [word for piece in moved for word in piece], words


@settings(max_examples=150, deadline=None, derandomize=True)
@given(rearranged())
def test_shifts_are_those_of_sacrebleu(pair: tuple[list[str], list[str]]) -> None:
    assert edits_with_shifts(*pair) == translation_edit_rate(*pair)[0]


def test_shifts_are_those_of_sacrebleu_to_its_limits() -> None:
    """Where alignment leaves the beam, where a round of shifts is thrown away, where lengths have little in common."""
    rng = random.Random(2)
    words = [str(number) for number in range(70)]
    for answer, reference in (
        (rng.sample(words, 70), words), ([*words[30:], *words[:30]], words), (words * 3, words[:4]), (words[:2], words * 2),
        (["a"] * 120, words[:5]), (rng.choices("ab", k=60), rng.choices("ab", k=60)), ([], words), (words, []), ([], []),
    ):  # fmt: skip
        assert edits_with_shifts(answer, reference) == translation_edit_rate(answer, reference)[0]


def test_a_long_shuffled_answer_takes_a_moment() -> None:
    words = [str(number) for number in range(1500)]
    begun = time.perf_counter()
    found = value("ter", [(" ".join(random.Random(3).sample(words, 1500)), " ".join(words))])
    assert found is not None and 90 < found <= 100
    assert time.perf_counter() - begun < 30, "sacreBLEU takes minutes"


def test_signatures_of_edit_rates() -> None:
    (only,) = score([{"id": "1", "raw": "a b", "references": ["b a"]}], ScoringSpec({"ter": MetricSpec("ter")}, "ter"))
    assert (only.value, only.higher_is_better) == (50, False), "one shift"
    assert only.signature == (
        f"ter|norm:none.1|nrefs:1|case:lc|tok:tercom|tercom_norm:no|punct:yes|asian:no|version:{sacrebleu.__version__}"
    )


class Judge:
    """A double of a model of package unbabel-comet: `predict` gives one score a sample, in order."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.calls: list[dict[str, Any]] = []

    def predict(self, samples: list[dict[str, str]], batch_size: int, gpus: int, progress_bar: bool) -> Any:
        self.calls.append({"batch_size": batch_size, "gpus": gpus, "progress_bar": progress_bar})
        assert all(sample.keys() == {"src", "mt", "ref"} for sample in samples)
        scores = [len(sample["src"]) / 100 + (sample["mt"] == sample["ref"]) for sample in samples]
        return SimpleNamespace(scores=scores, system_score=sum(scores) / len(scores))


@pytest.fixture
def judges(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A double of the package `comet`."""
    made: list[Judge] = []
    package = ModuleType("comet")
    package.__spec__ = SimpleNamespace(name="comet")  # type: ignore[assignment]
    package.download_model = lambda name: f"/models/{name}"  # type: ignore[attr-defined]
    package.load_from_checkpoint = lambda path: made.append(Judge(path)) or made[-1]  # type: ignore[attr-defined,func-returns-value]
    monkeypatch.setitem(sys.modules, "comet", package)
    comet._loaded.cache_clear()
    yield made
    comet._loaded.cache_clear()


SAMPLES = [
    {"id": "1", "raw": "a", "references": ["a"], "fields": {"sentence": "eins"}},
    {"id": "2", "raw": None, "references": ["b", ""], "fields": {"sentence": "zwei ", "text": "x"}},
]


def test_comet_asks_as_documented(judges: list[Judge]) -> None:
    spec = ScoringSpec({"comet": MetricSpec("comet", options={"batch_size": 4})}, "comet")
    check(spec, SAMPLES)
    (only,) = score(SAMPLES, spec)
    assert only.value == pytest.approx(((0.04 + 1) + (0.05 + 0.5)) / 2) and only.n == 2
    assert only.signature.startswith("comet|norm:none.1|model:Unbabel/wmt22-comet-da|src:sentence|refs:mean")
    assert [judge.path for judge in judges] == ["/models/Unbabel/wmt22-comet-da"], "loaded once"
    assert judges[0].calls[-1] == {"batch_size": 4, "gpus": 0, "progress_bar": False}


def test_comet_needs_the_source_text(judges: list[Judge]) -> None:
    spec = ScoringSpec({"comet": MetricSpec("comet", options={"source": "text"})}, "comet")
    with pytest.raises(MetricError, match=r"row '1': COMET needs the source text in the field 'text', which is None"):
        check(spec, SAMPLES)


def test_without_its_package_comet_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comet, "find_spec", lambda name: None)
    spec = ScoringSpec({"comet": MetricSpec("comet"), "chrf": MetricSpec("chrf")}, "chrf")
    check(spec, SAMPLES)
    absent, chrf = score(SAMPLES, spec)
    assert absent.value is None and chrf.value is not None
    assert absent.unavailable and "alm-eval[comet]" in absent.unavailable and "--no-deps" in absent.unavailable
