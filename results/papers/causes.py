"""Causes: what differs between a run's score and a published one, read from the run's record; and, for the scoring, the
proof, since the answers can be scored again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from metrics.answers import answers, metric_for
from metrics.base import MetricError
from metrics.bootstrap import measure
from metrics.extractors import EXTRACTORS
from metrics.normalizers import NORMALIZERS
from metrics.score import MetricSpec, Score, ScoringSpec, check
from results.leaderboard import STANDINGS
from results.papers.published import Published, samples_of
from results.run import RunRecord, TaskScores
from results.scoring import structured

NAMES = {"normalizer": "normaliser", "extractor": "extractor", "options": "options", "metric": "metric"}
"""The parts of a scoring, the likeliest to be changed first."""
DRAWN = 2000
"""Answers that are scored in every other way, where it is not known how the published number was."""
UNITS_OF_ONE = ("CIDEr", "CIDEr-D", "SPICE", "SPIDEr", "mAP", "lwlrap", "minDCF", "COMET")


def point(unit: str) -> float:
    """What a point is in a score's unit: of percent and BLEU one, of measures from 0 to 1 a hundredth."""
    return 0.01 if unit in UNITS_OF_ONE else 1.0


def gap(value: float, published: Published) -> float:
    """How far a value is from all that rounds to what was printed, at least 0."""
    return max(0.0, abs(value - published.value) - published.rounding)


@dataclass(frozen=True)
class Case:
    """A score of a run, and the published one that it is held against."""

    record: RunRecord
    scores: TaskScores
    score: Score
    published: Published
    rows: Sequence[Mapping[str, Any]]
    """The prediction records of the subset."""

    @property
    def samples(self) -> int | None:
        """How many the set has by its authors; None where they do not say."""
        return samples_of(self.published.task, self.published.subset)

    @property
    def limit(self) -> int | None:
        """The ``limit`` that the task was run with, if any."""
        config = self.record.config
        for task in (config.get("task"), *(config.get("tasks") or {}).values()):
            if task and task.get("name") == self.scores.task and task.get("limit") is not None:
                return int(task["limit"])
        of_all = [(config.get("each") or {}).get("limit"), config.get("limit")]
        return next((int(limit) for limit in of_all if limit is not None), None)

    @property
    def is_part(self) -> bool:
        """Whether the run was asked fewer samples than the set has."""
        if self.samples is not None:
            return len(self.rows) < self.samples
        return self.limit is not None or self.standing == "unofficial"

    @property
    def standing(self) -> str | None:
        """How the data stands to what was published."""
        data = self.record.tasks[self.scores.task].data
        return data.get(self.published.subset) if self.published.subset else next(iter(data.values()), None)

    @property
    def failed(self) -> int:
        """Samples without an answer, which are not in the score."""
        return sum(row.get("status") == "failed" for row in self.rows)

    @property
    def share(self) -> str:
        of = f" of {self.samples:,}" if self.samples is not None else ""
        return f"{len(self.rows):,}{of} samples" + (" (limit)" if self.is_part and self.limit is not None else "")


def of(case: Case, tolerance: float, deep: bool) -> list[str]:
    """What differs, a sentence each, the likeliest cause of a difference first. ``deep`` scores the answers again, and
    says so where nothing differs."""
    proven, rest = _scoring(case, tolerance) if deep else ([], [text for _, text in _changes(case)])
    found = [*proven, *_row(case), *rest, *_asked(case), *_samples(case), *_machine(case)]
    if deep and not found:
        found = [
            "nothing that the run's record tells differs from how the published number was made: look at the "
            "checkpoint, and at the worst answers"
        ]
    return found


def _part(case: Case) -> MetricSpec:
    return ScoringSpec.from_dict(case.scores.scoring).metrics[case.score.name]


def _row(case: Case) -> Iterator[str]:
    if case.score.name != case.published.metric:
        yield f"score: the run has no {case.published.metric}; {case.score.name} stands in for it"
    elif case.published.scoring is None:
        yield f"score: how the published value was scored is not known; {case.score.name} is the nearest"


def _changes(case: Case) -> list[tuple[str, str]]:
    """The parts of the scoring that are not as published, each with a sentence."""
    known, part = case.published.scoring, _part(case)
    if known is None:
        return []
    pairs = {name: (getattr(part, name), getattr(known, name)) for name in NAMES}
    return [
        (name, f"{NAMES[name]}: {_said(here)} in the run, {_said(there)} in the published score")
        for name, (here, there) in pairs.items()
        if here != there
    ]


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _scoring(case: Case, tolerance: float) -> tuple[list[str], list[str]]:
    """Sentences on the scoring: those that scoring again proves, and the rest."""
    known, part = case.published.scoring, _part(case)
    if known is None:
        return [], _other_ways(case, part, tolerance)
    changes = _changes(case)
    texts = [text for _, text in changes]
    value = _value(case, known) if changes else None
    if value is None:
        return [], texts
    if not _reaches(case, value, tolerance):
        tail = f"; scored as published the value would be {_shown(value)}, which is not it either"
        return [], [text + tail for text in texts]
    some, value = _fewest(case, [name for name, _ in changes], tolerance) or ([name for name, _ in changes], value)
    blamed = [text for name, text in changes if name in some]
    names = " and ".join(f"{NAMES[name]} {_said(getattr(known, name))}" for name in some)
    blamed[0] += f"; with {names} the value would be {_shown(value)}"
    return blamed, [text for name, text in changes if name not in some]


def _fewest(case: Case, names: Sequence[str], tolerance: float) -> tuple[list[str], float] | None:
    """The fewest parts of the scoring that, made as published, bring the published value; and what they bring."""
    for size in range(1, len(names)):
        for some in combinations(names, size):
            trial = replace(_part(case), **{name: getattr(case.published.scoring, name) for name in some})
            value = _value(case, trial)
            if value is not None and _reaches(case, value, tolerance):
                return list(some), value
    return None


def _other_ways(case: Case, part: MetricSpec, tolerance: float) -> list[str]:
    """Other normalisers and extractors by which the answers, or a fair draw of them, have the published value."""
    case = replace(case, rows=case.rows[:DRAWN])  # they are in a random order
    trials = []
    if not structured(part):
        names = dict.fromkeys(normalizer.name for normalizer in NORMALIZERS.values())
        trials += [("normaliser", name, replace(part, normalizer=name)) for name in names if name != part.normalizer]
    trials += [("extractor", name, replace(part, extractor=name)) for name in EXTRACTORS if name != part.extractor]
    found = []
    for kind, name, trial in trials:
        value = _value(case, trial)
        if value is not None and _reaches(case, value, tolerance):
            found.append(
                f"{kind}: with {name} the value would be about {_shown(value)}; perhaps the published one is so"
            )
    return found


def _value(case: Case, part: MetricSpec) -> float | None:
    """The score by another metric, normaliser or extractor; None where the answers cannot be scored so here."""
    name = case.score.name
    spec = replace(ScoringSpec.from_dict(case.scores.scoring), metrics={name: part}, primary=name)
    try:
        check(spec, case.rows)
        metric = metric_for(spec, name)
        return None if metric.missing() else measure(metric, answers(case.rows, spec, name), draws=0)[0]
    except MetricError:
        return None


def _reaches(case: Case, value: float, tolerance: float) -> bool:
    """Whether a value is the published one, as far as the run's interval can tell, and clearly nearer than it was."""
    assert case.score.value is not None
    low, high = case.score.ci95 or (0.0, 0.0)
    off, was = gap(value, case.published), gap(case.score.value, case.published)
    return off <= max(tolerance * point(case.score.unit), (high - low) / 2) and off <= was / 2


def _shown(value: float) -> str:
    return f"{value:.4g}"


def _asked(case: Case) -> Iterator[str]:
    """How the model was asked."""
    asked, run = case.published.place.asked, case.scores.asked
    if not asked:
        return
    there, here = asked["prompt"], run.get("prompt", "")
    if here and here != there:
        (style, _, text), (other, _, words) = here.partition(": "), there.partition(": ")
        if style != other:
            yield f"prompt: asked in the style {style!r}, the published number in {other!r}"
        else:
            yield f"prompt: {text!r}, where the published number was asked {words!r}"
    generation = _parsed(run.get("generation"))
    longest = generation.get("max_new_tokens")
    if longest is not None and longest != asked["max_new_tokens"]:
        yield f"generation: at most {longest} new tokens, the published number at most {asked['max_new_tokens']}"
    if generation.get("temperature"):
        yield f"generation: sampled (temperature {generation['temperature']}), the published number was not"


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _samples(case: Case) -> Iterator[str]:
    """What was asked and answered."""
    rows = case.rows
    if case.is_part or (case.samples is not None and len(rows) != case.samples):
        yield f"n: {case.share}"
    if case.failed:
        yield f"failed: {case.failed:,} of {len(rows):,} samples have no answer, and are not in the score"
    if case.score.unparsed:
        yield f"extractor: {case.score.unparsed:,} answers could not be read, and count as wrong"
    for flag, what in (
        ("truncated_audio", "was cut to what the model takes"),
        ("chunked_audio", "was heard in pieces"),
    ):
        count = sum(flag in (row.get("flags") or ()) for row in rows)
        if count:
            yield f"audio: of {count:,} samples it {what}"
    if case.standing in STANDINGS:
        yield f"data: it {STANDINGS[case.standing]}"


def _machine(case: Case) -> Iterator[str]:
    """What answers depend on beside what was asked."""
    config = case.record.config
    dtype = str(case.scores.asked.get("dtype") or (config.get("model") or {}).get("dtype") or "float32")
    if dtype != "float32":
        yield f"dtype: {dtype}, whose rounding changes an answer now and then"
        clips = (config.get("batch") or {}).get("max_clips")
        if clips and clips > 1:
            yield f"batch: up to {clips} clips at a time, which in {dtype} changes an answer now and then"
    flips = (case.record.audit.get(case.scores.task) or {}).get("flips")
    if flips:
        yield f"batch: {len(flips):,} of the samples that were answered once more, each alone, have another answer"
