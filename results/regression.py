"""The regression gate: a run against a baseline, task by task; it fails for a loss, not for bad luck.

What is tested. For each task, one-sided, that the run is no worse than the baseline by more than `tolerance`, on the
samples that both answered (`metrics.randomization`); Holm's correction over the tasks. So of runs that are as good as
the baseline on every task, at most a share alpha fails, however many tasks there are. *Better* is told by the same test
in the other direction, corrected in the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from metrics.paired import holm
from metrics.randomization import Paired, groups_at_stake, paired
from results.baseline import Baseline, TaskBaseline
from results.pairs import Pair, pair
from results.questions import other_answerers, other_questions, scored_together
from results.run import RunDirectory, RunRecord, TaskScores
from results.scoring import statistics_of
from results.statistics import TaskStatistics

NONE: Mapping[str, float] = MappingProxyType({})


@dataclass
class Verdict:
    """What became of one task. It is the worst of `losses`, `refusals` and the rest."""

    task: str
    losses: list[str] = field(default_factory=list)
    """Why the gate fails: a loss, more failures, samples or the task missing; a phrase each."""
    refusals: list[str] = field(default_factory=list)
    """Why no comparison was made, or not of all samples, though nothing is lost; a phrase each."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know beside it."""
    metric: str = ""
    unit: str = ""
    higher_is_better: bool = True
    result: Paired | None = None
    """None where nothing was compared."""
    p_worse: float = 1.0
    """One-sided p of a loss beyond the tolerance, after Holm."""
    p_better: float = 1.0
    """One-sided p of a gain, after Holm."""
    is_worse: bool = False
    is_better: bool = False
    blind: bool = False
    """Whether no loss could be found, however large: there are too few groups."""
    failed: tuple[int, int] = (0, 0)
    """Samples without an answer: of the baseline, of the run."""

    @property
    def word(self) -> str:
        """The verdict in a word or two."""
        if self.is_worse:
            return "worse"
        if self.losses:
            return "incomplete"
        if self.refusals:
            return "not compared"
        return "better" if self.is_better else "no worse"


@dataclass(frozen=True)
class Gate:
    """All verdicts, and what they were reached by."""

    verdicts: list[Verdict]
    alpha: float
    tolerances: Mapping[str, float]
    """By task, in the unit of its metric; none: 0."""
    notes: list[str]
    accepted: str = ""
    """Where the run was made the baseline, a sentence that says so."""

    @property
    def status(self) -> int:
        """Exit status: 1 a loss, 2 no loss but something was not compared, 0 all was compared and nothing lost, or the
        run was accepted."""
        if self.accepted:
            return 0
        if any(verdict.losses for verdict in self.verdicts):
            return 1
        return 2 if not self.verdicts or any(verdict.refusals for verdict in self.verdicts) else 0


def gate(
    baseline: Baseline,
    directory: RunDirectory,
    record: RunRecord,
    tolerances: Mapping[str, float] = NONE,
    alpha: float = 0.05,
) -> Gate:
    """Hold a run against a baseline. Raises RunError where the run is damaged."""
    verdicts: list[Verdict] = []
    pairs: dict[str, Pair] = {}
    for name, before in baseline.tasks.items():
        verdict = Verdict(name)
        verdicts.append(verdict)
        scores = directory.read_scores(name) if name in record.tasks else None
        if scores is None:
            verdict.losses.append(_why_missing(directory, record, name))
        elif changed := other_questions(before.asked, scores.asked):
            verdict.refusals.append(f"something else was asked: {'; '.join(changed)}")
        else:
            found = _paired_with(verdict, before, scores, statistics_of(directory, record, name))
            if found:
                pairs[name] = found
    for name in record.tasks:
        if name not in baseline.tasks:
            verdicts.append(Verdict(name, refusals=["the baseline has no such task"]))
    judge({verdict.task: verdict for verdict in verdicts}, pairs, tolerances, alpha)
    return Gate(verdicts, alpha, tolerances, _notes(baseline, record))


def judge(
    verdicts: Mapping[str, Verdict],
    pairs: Mapping[str, Pair],
    tolerances: Mapping[str, float],
    alpha: float,
    intervals: bool = True,
) -> None:
    """Test the pairs, correct for their number, and write what was found into the verdicts of the same names."""
    finest = alpha / max(1, len(pairs))
    results = {
        name: paired(found.metric, found.first, found.second, finest, intervals or name in tolerances)
        for name, found in pairs.items()
    }
    higher = {name: found.metric.higher_is_better for name, found in pairs.items()}
    worse = holm({name: result.p_beyond(tolerances.get(name, 0.0), higher[name]) for name, result in results.items()})
    better = holm({name: result.p_worse(not higher[name]) for name, result in results.items()})
    for name, result in results.items():
        verdict = verdicts[name]
        verdict.result, verdict.p_worse, verdict.p_better = result, worse[name], better[name]
        verdict.is_worse, verdict.is_better = worse[name] < alpha, better[name] < alpha
        verdict.unit, verdict.higher_is_better = pairs[name].metric.unit, higher[name]
        if verdict.is_worse:
            beyond = f" by more than {tolerances[name]:g}" if tolerances.get(name) else ""
            verdict.losses.insert(0, f"worse{beyond}: {said_change(verdict)}")
        elif result.first is not None and result.second is None:
            verdict.losses.append(f"{verdict.metric} has no value any more; it was {result.first:.2f}")
        elif result.first is None:
            verdict.refusals.append(f"{verdict.metric} has no value on the {result.n} samples that both answered")
        _note_power(verdict, pairs[name], finest)


def said_change(verdict: Verdict) -> str:
    """`wer 5.10 -> 6.30 %, +1.20 [+0.61, +1.80], p 0.002`."""
    result = verdict.result
    assert result is not None and result.difference is not None
    interval = "" if result.ci95 is None else f" [{result.ci95[0]:+.2f}, {result.ci95[1]:+.2f}]"
    unit = f" {verdict.unit}" if verdict.unit else ""
    p = min(verdict.p_worse, verdict.p_better)
    return (
        f"{verdict.metric} {result.first:.2f} -> {result.second:.2f}{unit}, {result.difference:+.2f}{interval}, "
        f"{shown_p(p)} after Holm"
    )


def shown_p(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p {p:.4f}" if p < 0.01 else f"p {p:.2f}"


def _paired_with(verdict: Verdict, before: TaskBaseline, scores: TaskScores, now: TaskStatistics | None) -> Pair | None:
    """The samples of both; what is not there, or not to be compared, goes into the verdict."""
    verdict.metric = before.statistics.name
    verdict.failed = (before.counts.failed, scores.counts.failed)
    if scores.counts.failed > before.counts.failed:
        verdict.losses.append(f"{scores.counts.failed} samples failed; of the baseline {before.counts.failed}")
    if now is None:
        why = next((score.unavailable for score in scores.scores if score.primary and score.unavailable), "no reason")
        verdict.refusals.append(f"{verdict.metric} is not available here: {why}")
        return None
    try:
        found = pair(before.statistics, now)
    except ValueError as error:
        verdict.refusals.append(str(error))
        return None
    if scores.counts.expected < before.counts.expected:
        verdict.losses.append(f"{scores.counts.expected} samples were asked; of the baseline {before.counts.expected}")
    elif found.only_first > scores.counts.failed:
        verdict.losses.append(f"{found.only_first} of {len(before.statistics.ids)} samples of the baseline are missing")
    elif found.only_first:
        verdict.notes.append(f"{found.only_first} samples of the baseline failed, and are not compared")
    if found.only_second:
        verdict.notes.append(f"{found.only_second} samples are not the baseline's, and are not compared")
    if found.differing:
        verdict.refusals.append(f"{found.differing} samples have other references or groups than in the baseline")
    if changed := other_answerers(before.asked, scores.asked):
        verdict.notes.append(f"answered otherwise: {'; '.join(changed)}")
    if scored_together(now.signature) and (found.only_first or found.only_second):
        verdict.refusals.append(
            f"{verdict.metric} weighs each sample by all others, and these are not the same samples"
        )
        return None
    return found


def _why_missing(directory: RunDirectory, record: RunRecord, task: str) -> str:
    if task in record.left_out:
        return f"the task is missing: {record.left_out[task]}"
    if task not in record.tasks:
        return "the task is missing"
    answered = len(directory.journal(task).standings())
    return f"the task is not finished: {answered} of {record.tasks[task].expected} samples are answered"


def _note_power(verdict: Verdict, found: Pair, needed: float) -> None:
    """Say where no loss, however large, could be found: too few groups, or too few that could get worse."""
    groups = groups_at_stake(found.metric, found.first)
    verdict.blind = 0.5**groups >= needed
    if verdict.blind:
        right = " with a right answer" if found.metric.right_or_wrong else ""
        verdict.notes.append(
            f"no loss can be found here: with {groups} groups{right} no p is below {0.5**groups:.2g}, and below "
            f"{needed:.2g} is needed among so many tasks"
        )


def _notes(baseline: Baseline, record: RunRecord) -> list[str]:
    notes = []
    if baseline.model != record.model:
        notes.append(f"the baseline is of {baseline.model}, the run of {record.model}")
    return notes
