"""The gate's verdicts for those who read them: people, a CI's test report (JUnit XML), GitHub's step summary."""

from collections import Counter
from collections.abc import Callable, Sequence
from xml.etree import ElementTree

from results.console import columns, counted, listed, wrapped
from results.regression import Gate, Verdict, said_change, shown_p
from results.text import markdown, shown, xml

HEADER = ["task", "metric", "baseline", "run", "difference", "95 % interval", "changed", "p", "verdict"]


def as_text(gate: Gate, baseline: str, run: str) -> str:
    """A table, what failed and what must be known, and the verdict in a sentence at the end."""
    parts = [columns(HEADER, [_cells(verdict) for verdict in gate.verdicts], left=2), ""]
    for reason, tasks in _reasons(gate).items():
        parts += wrapped(f"{listed(tasks, len(gate.verdicts))}: {reason}")
    for note, tasks in _by_sentence(gate, lambda verdict: verdict.notes).items():
        parts += wrapped(f"note: {listed(tasks, len(gate.verdicts))}: {note}")
    for note in gate.notes:
        parts += wrapped(f"note: {shown(note)}")
    return "\n".join([*parts, *wrapped(conclusion(gate, baseline, run))])


def conclusion(gate: Gate, baseline: str, run: str) -> str:
    """The verdict on the whole run, and what can be done about it."""
    lost = Counter(verdict.word for verdict in gate.verdicts if verdict.losses)
    refused = [verdict.task for verdict in gate.verdicts if verdict.refusals and not verdict.losses]
    better = [verdict.task for verdict in gate.verdicts if verdict.word == "better"]
    tested = sum(verdict.result is not None for verdict in gate.verdicts)
    how = f"one-sided, alpha {gate.alpha:g} after Holm over {counted(tested, 'task')}"
    said = f"{shown(run)} against {shown(baseline)} ({how}): "
    if not gate.verdicts:
        return f"{said}nothing was compared: the baseline holds no task"
    if lost:
        said += "FAILED, " + ", ".join(f"{counted(number, 'task')} {word}" for word, number in lost.items())
        said += f", {len(refused)} not compared" if refused else ""
    elif refused:
        said += f"NOT COMPARED, {counted(len(refused), 'task')}"
    else:
        said += f"no loss in {counted(len(gate.verdicts), 'task')}"
        if blind := sum(verdict.blind for verdict in gate.verdicts):
            said += f" (too small to find one: {blind})"
    if better:
        said += f"; better: {shown(', '.join(better))}"
    if gate.accepted:
        said += f"; {shown(gate.accepted)}"
    elif refused and not lost:
        said += "; where what is asked was changed on purpose, --accept makes this run the new baseline"
    elif better and not lost:
        said += "; --accept makes this run the new baseline"
    return said


def as_junit(gate: Gate, baseline: str, run: str) -> str:
    """JUnit XML: a test case a task; a loss is a failure, a comparison that was not made is an error."""
    suite = ElementTree.Element(
        "testsuite",
        name=xml(f"regression of {run} against {baseline}"),
        tests=str(len(gate.verdicts)),
        failures=str(sum(bool(verdict.losses) for verdict in gate.verdicts)),
        errors=str(sum(bool(verdict.refusals) and not verdict.losses for verdict in gate.verdicts)),
        skipped="0",
    )
    for verdict in gate.verdicts:
        case = ElementTree.SubElement(suite, "testcase", classname="regression", name=xml(verdict.task))
        reasons = [shown(reason) for reason in (*verdict.losses, *verdict.refusals)]
        if reasons:
            kind = "failure" if verdict.losses else "error"
            found = ElementTree.SubElement(case, kind, message=xml(reasons[0]), type=xml(verdict.word))
            found.text = xml("\n".join(reasons))
        said = [f"{verdict.word}: {said_change(verdict)}"] if _has_values(verdict) else []
        said += [shown(note) for note in verdict.notes]
        if said:
            ElementTree.SubElement(case, "system-out").text = xml("\n".join(said))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def as_summary(gate: Gate, baseline: str, run: str) -> str:
    """Markdown for a step's summary on GitHub: the table, and what failed."""
    rows = [HEADER, ["---"] * len(HEADER), *[[markdown(cell) for cell in _cells(verdict)] for verdict in gate.verdicts]]
    parts = ["### " + markdown(conclusion(gate, baseline, run)), ""]
    parts += ["| " + " | ".join(row) + " |" for row in rows]
    total = len(gate.verdicts)
    sentences = (*_reasons(gate).items(), *_by_sentence(gate, lambda verdict: verdict.notes).items())
    said = [f"- **{markdown(listed(tasks, total))}**: {markdown(sentence)}" for sentence, tasks in sentences]
    return "\n".join([*parts, "", *said, *[f"- {markdown(note)}" for note in gate.notes]]) + "\n"


def _reasons(gate: Gate) -> dict[str, list[str]]:
    """Why tasks failed or were not compared, each with its tasks."""
    return _by_sentence(gate, lambda verdict: [*verdict.losses, *verdict.refusals])


def _by_sentence(gate: Gate, said: Callable[[Verdict], Sequence[str]]) -> dict[str, list[str]]:
    """What is said of tasks, once, and of which."""
    found: dict[str, list[str]] = {}
    for verdict in gate.verdicts:
        for sentence in said(verdict):
            found.setdefault(shown(sentence), []).append(shown(verdict.task))
    return found


def _cells(verdict: Verdict) -> list[str]:
    arrow = "↑" if verdict.higher_is_better else "↓"
    metric = f"{verdict.metric} {arrow}" if verdict.metric else "–"
    result = verdict.result
    if result is None:
        return [verdict.task, metric, *["–"] * 6, verdict.word]
    return [
        verdict.task,
        metric,
        _number(result.first),
        _number(result.second),
        _number(result.difference, "+.2f"),
        "–" if result.ci95 is None else f"{result.ci95[0]:+.2f} to {result.ci95[1]:+.2f}",
        f"{result.changed}/{result.n}",
        shown_p(min(verdict.p_worse, verdict.p_better)).removeprefix("p "),
        verdict.word,
    ]


def _has_values(verdict: Verdict) -> bool:
    return verdict.result is not None and verdict.result.difference is not None


def _number(value: float | None, form: str = ".2f") -> str:
    return "–" if value is None else format(value, form)
