"""How long scores with intervals take, beside the usual way to compute them.

usage: python -m benchmarks.metrics [--write FILE] [--part SHARE]

Predictions made on the spot, scored by ``metrics.score.score`` as a run's are: extracted, normalised, measured, with
1,000 draws. The usual way is the library in a loop over resampled sets; it is timed on a part of the samples with a few
draws, checked to give the same value, and extrapolated: its time grows with samples and draws.
"""

import argparse
import gc
import os
import platform
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import sacrebleu
from sklearn.metrics import accuracy_score

from metrics.bootstrap import DRAWS
from metrics.score import MetricSpec, Score, ScoringSpec, score

UTTERANCES, WORDS = 100_000, 20
ANSWERS = 1_000_000
VOCABULARY = [f"{a}{b}{c}" for a in ("ba", "co", "du", "fe", "gi") for b in ("l", "n", "r", "st") for c in "aeiou"]
ERROR_RATE = 0.1
USUAL_DRAWS = 5
CAPTIONS = 1_045
CAPTION_METRICS = (*(f"caption_bleu{order}" for order in (1, 2, 3, 4)), "rouge_l", "cider_d", "cider")
Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    metric: str
    normalizer: str
    records: Callable[[], Records]
    usual: Callable[[Sequence[str], Sequence[str], np.random.Generator, int], float]
    """By a library: scores so many resampled sets; returns the value of the whole."""
    usual_name: str
    allowed: float
    """Seconds that it may take on two cores."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the file that the table goes to besides")
    parser.add_argument("--part", type=float, default=0.02, help="share of the samples that the usual way is timed on")
    given = parser.parse_args()
    text = _report([_measured(case, given.part) for case in CASES], given.part)
    print(text, end="")
    if given.write:
        given.write.parent.mkdir(parents=True, exist_ok=True)
        given.write.write_text(text, "utf-8")


def utterances() -> Records:
    """Sentences of 20 words, every tenth word another one; each is a group by itself, the hardest case."""
    draw = random.Random(1)
    records = []
    for number in range(UTTERANCES):
        words = draw.choices(VOCABULARY, k=WORDS)
        said = [draw.choice(VOCABULARY) if draw.random() < ERROR_RATE else word for word in words]
        records.append(_record(number, f"{' '.join(said)}.".capitalize(), f"{' '.join(words)}.".capitalize()))
    return records


def answers() -> Records:
    draw = random.Random(2)
    labels = [f"label {number}" for number in range(50)]
    right = draw.choices(labels, k=ANSWERS)
    return [
        _record(number, label if draw.random() > ERROR_RATE else draw.choice(labels), label)
        for number, label in enumerate(right)
    ]


def _record(number: int, raw: str, reference: str) -> dict[str, Any]:
    return {
        "id": f"s{number:07}",
        "raw": raw,
        "references": [reference],
        "fields": {},
        "subset": "test",
        "status": "ok",
    }


def _jiwer(references: Sequence[str], said: Sequence[str], rng: np.random.Generator, draws: int) -> float:
    for _ in range(draws):
        chosen = rng.integers(0, len(said), len(said))
        jiwer.wer([references[number] for number in chosen], [said[number] for number in chosen])
    return 100 * float(jiwer.wer(list(references), list(said)))


def _sacrebleu(references: Sequence[str], said: Sequence[str], rng: np.random.Generator, draws: int) -> float:
    """sacreBLEU's own bootstrap counts each sentence once, and then sums the counts of each draw."""
    return float(sacrebleu.metrics.BLEU().corpus_score(list(said), [list(references)], n_bootstrap=draws or 1).score)


def _sklearn(references: Sequence[str], said: Sequence[str], rng: np.random.Generator, draws: int) -> float:
    right, answered = np.array(references), np.array(said)
    for _ in range(draws):
        chosen = rng.integers(0, len(said), len(said))
        accuracy_score(right[chosen], answered[chosen])
    return 100 * float(accuracy_score(right, answered))


CASES = (
    Case("wer", "none", utterances, _jiwer, "`jiwer.wer` on each resampled set", 15),
    Case("bleu", "none", utterances, _sacrebleu, "`BLEU.corpus_score(n_bootstrap=...)`", 15),
    Case("accuracy", "none", answers, _sklearn, "`accuracy_score` on each resampled set", 5),
)


def _measured(case: Case, part: float) -> list[str]:
    records = case.records()
    gc.collect()
    spec = ScoringSpec({case.metric: MetricSpec(case.metric, case.normalizer)}, primary=case.metric, language="en")
    begun = time.perf_counter(), time.process_time()
    (found,) = score(records, spec)
    seconds, busy = time.perf_counter() - begun[0], time.process_time() - begun[1]
    whole, few = _usual(case, records, spec, part)
    return [
        f"{case.metric}, {len(records):,} samples",
        f"{found.value:.3f} ({_interval(found)})",
        f"{seconds:.1f}",
        f"{busy:.1f}",
        f"{case.allowed:g}",
        case.usual_name,
        f"{few:.2f}",
        f"{whole:,.0f}",
        f"{whole / seconds:,.1f}" if whole < 10 * seconds else f"{whole / seconds:,.0f}",
    ]


def _usual(case: Case, records: Records, spec: ScoringSpec, part: float) -> tuple[float, float]:
    """Seconds of the usual way for all samples and draws, extrapolated, and those that were measured.

    Two timings tell what is done once from what is done for every draw."""
    some = records[: round(part * len(records))]
    texts = [record["references"][0] for record in some], [record["raw"] for record in some]
    rng, timed, value = np.random.default_rng(3), [], 0.0
    many = USUAL_DRAWS if case.metric != "bleu" else 40 * USUAL_DRAWS
    for draws in (0, many):
        begun = time.perf_counter()
        value = case.usual(*texts, rng, draws)
        timed.append(time.perf_counter() - begun)
    (ours,) = score(some, spec)
    if ours.value is None or abs(ours.value - value) > 1e-9:
        raise SystemExit(f"{case.metric}: {ours.value} here, {value} by the library")
    once, each = timed[0], max(timed[1] - timed[0], 0) / many
    return (once + DRAWS * each) * len(records) / len(some), sum(timed)


def _interval(found: Score) -> str:
    low, high = found.ci95 or (float("nan"), float("nan"))
    return f"{low:.3f} to {high:.3f}"


def _report(rows: Sequence[Sequence[str]], part: float) -> str:
    head = [
        "score",
        "value (95 %)",
        "s",
        "CPU s",
        "allowed s",
        "the usual way",
        "measured s",
        "extrapolated s",
        "ratio",
    ]
    lines = [head, ["---"] * len(head), *rows]
    return (
        "# Scores with intervals\n\n"
        f"`make bench`: records scored as a run's are (extracted, normalised, measured) with {DRAWS:,} draws of single "
        f"samples; utterances of {WORDS} words. The usual way was timed on the first {100 * part:g} % of the samples "
        f"with few draws, gave the same value there, and is *extrapolated* to all samples and {DRAWS:,} draws.\n\n"
        + "".join(f"| {' | '.join(line)} |\n" for line in lines)
        + f"\n{_machine()}; Python {platform.python_version()}, numpy {np.__version__}, jiwer "
        f"{version('jiwer')}, sacreBLEU {sacrebleu.__version__}. Beyond "
        "200,000 groups, equal groups are drawn as one kind (`metrics/bootstrap.py`): accuracy is one such case.\n"
        f"\n{_captions()}\n"
    )


def _captions() -> str:
    """Captions of Clotho's size by all metrics but METEOR and SPICE, beside one value of each by pycocoevalcap."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    draw = random.Random(4)
    texts = [[" ".join(draw.choices(VOCABULARY, k=11)) for _ in range(6)] for _ in range(CAPTIONS)]
    records = [_record(number, said, "") | {"references": right} for number, (said, *right) in enumerate(texts)]
    spec = ScoringSpec({name: MetricSpec(name) for name in CAPTION_METRICS}, primary="cider_d", language="en")
    begun = time.perf_counter()
    found = {entry.name: entry.value for entry in score(records, spec)}
    ours = time.perf_counter() - begun
    begun = time.perf_counter()
    tokenizer = PTBTokenizer()
    right = tokenizer.tokenize({n: [{"caption": text} for text in row[1:]] for n, row in enumerate(texts)})
    said = tokenizer.tokenize({n: [{"caption": row[0]}] for n, row in enumerate(texts)})
    values = [scorer.compute_score(right, said)[0] for scorer in (Bleu(4), Rouge(), Cider())]
    usual = time.perf_counter() - begun
    if abs((found["cider_d"] or 0.0) - values[2]) > 1e-9:
        raise SystemExit(f"cider_d: {found['cider_d']} here, {values[2]} by pycocoevalcap")
    return (
        f"Captions, {CAPTIONS:,} with 5 references each: {', '.join(CAPTION_METRICS)} with intervals in {ours:.1f} s "
        f"(allowed: 15 s); pycocoevalcap's tokens, BLEU, ROUGE-L and CIDEr without intervals in {usual:.1f} s."
    )


def _machine() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"One process on a machine with {os.cpu_count()} cores ({names[0] if names else platform.machine()})"


if __name__ == "__main__":
    main()
