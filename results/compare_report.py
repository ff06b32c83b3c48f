"""A comparison for those who read it: text for a terminal, JSON, and one HTML page that stands alone."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from textwrap import wrap

from metrics.randomization import Paired
from results.compare import VERDICTS, RunComparison, TaskComparison
from results.console import WIDTH, columns, counted, listed, wrapped
from results.flips import Flip, Said
from results.text import shown

FORMATS = ("text", "json", "html")
TEMPLATE = Path(__file__).with_name("templates") / "compare.html"
HEADER = ["task", "metric", "A", "B", "B - A", "95 % interval", "n/groups", "p", "B is"]
OF_SLICES = ["by", "value", "A", "B", "B - A", "95 % interval", "n/groups", "p"]
LONGEST = 600
"""Characters of an answer or a reference that are shown."""


def render(compared: RunComparison, form: str) -> str:
    """A comparison in one of FORMATS, as text that ends in a newline."""
    return {"text": as_text, "json": as_json, "html": as_html}[form](compared)


def as_json(compared: RunComparison) -> str:
    return json.dumps(asdict(compared), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def as_text(compared: RunComparison) -> str:
    parts = [f"A  {shown(compared.first)}", f"B  {shown(compared.second)}", ""]
    parts += [columns(HEADER, [_cells(task) for task in compared.tasks], left=2), ""]
    parts += wrapped(conclusion(compared))
    parts += [line for sentence in remarks(compared) for line in wrapped(f"note: {sentence}")]
    for task in compared.tasks:
        parts += _slices(task) + _flips(task)
    return "\n".join(parts) + "\n"


def conclusion(compared: RunComparison) -> str:
    """How many tasks are better, worse and neither, and how that was told."""
    counts = Counter(task.verdict for task in compared.tasks)
    said = ", ".join(f"{counts[word]} {word}" for word in VERDICTS if counts[word])
    tests = sorted({task.result.test for task in compared.tasks})
    over = counted(len(compared.tasks), "task")
    return (
        f"B against A: {said}. p: {' or '.join(tests)}, two-sided, after Holm over {over}; better and worse "
        f"are told at {compared.alpha:g}. Intervals: paired bootstrap over groups, each for itself."
    )


def remarks(compared: RunComparison) -> list[str]:
    """What a reader must know beside the numbers; one sentence for all tasks of which it is true."""
    found: dict[str, list[str]] = {}
    for task in compared.tasks:
        for warning in task.warnings:
            found.setdefault(f"what was asked differs: {warning}", []).append(task.task)
        for count, what in (
            (task.only_first, "samples have a score in A alone, and are left out"),
            (task.only_second, "samples have a score in B alone, and are left out"),
            (task.differing, "samples have other references or groups in B, and are left out"),
        ):
            if count:
                found.setdefault(f"{count} {what}", []).append(task.task)
        if any(task.failed):
            found.setdefault(f"{task.failed[0]} samples failed in A, {task.failed[1]} in B", []).append(task.task)
    by_reason: dict[str, list[str]] = {}
    for name, reason in compared.left_out.items():
        by_reason.setdefault(f"not compared, {reason}", []).append(name)
    total = len(compared.tasks)
    named = [f"{listed(tasks, total)}: {said}" for said, tasks in (*found.items(), *by_reason.items())]
    return [shown(sentence) for sentence in (*compared.warnings, *named)]


def as_html(compared: RunComparison) -> str:
    """One page without scripts and without anything to load; what a model wrote is text."""
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"shown": lambda text: shown(str(text), LONGEST), "runs": _runs}
    return page.from_string(TEMPLATE.read_text("utf-8")).render(
        compared=compared,
        conclusion=conclusion(compared),
        remarks=remarks(compared),
        header=HEADER,
        of_slices=OF_SLICES,
        rows=[(task, _cells(task)) for task in compared.tasks],
        slice_rows={task.task: _slice_rows(task) for task in compared.tasks},
    )


def _cells(task: TaskComparison) -> list[str]:
    arrow = "↑" if task.higher_is_better else "↓"
    return [task.task, f"{task.metric} {arrow}", *_numbers(task.result), _p(task.p_holm), task.verdict]


def _numbers(result: Paired) -> list[str]:
    return [
        _number(result.first),
        _number(result.second),
        _number(result.difference, "+"),
        "–" if result.ci95 is None else " to ".join(_number(bound, "+") for bound in result.ci95),
        f"{result.n}/{result.groups}",
    ]


def _number(value: float | None, sign: str = "") -> str:
    if value is None:
        return "–"
    return format(value, f"{sign}.2f" if abs(value) < 100 else f"{sign}.1f")


def _p(p: float) -> str:
    return "<.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.2f}"


def _slice_rows(task: TaskComparison) -> list[list[str]]:
    return [[part.field, part.value, *_numbers(part.result), _p(part.result.p)] for part in task.slices]


def _slices(task: TaskComparison) -> list[str]:
    if not task.slices:
        return []
    said = f"{shown(task.task)} in slices, exploratory: neither p nor interval is corrected for their number"
    return ["", *wrapped(said), columns(OF_SLICES, _slice_rows(task), left=2)]


def _flips(task: TaskComparison) -> list[str]:
    found = task.flips
    if found is None or not (found.differ or found.worse or found.better):
        return []
    said = (
        f"{shown(task.task)}: {found.differ:,} of {task.result.n:,} raw answers differ; B is worse on {found.worse:,} "
    )
    lines = ["", *wrapped(f"{said}samples and better on {found.better:,}")]
    for title, flips in (("most costly with B", found.lost), ("most gained with B", found.gained)):
        lines += [f"  {title}", *(line for flip in flips for line in _flip(flip, task))] if flips else []
    return lines


def _flip(flip: Flip, task: TaskComparison) -> list[str]:
    change = flip.loss * (-1 if task.higher_is_better else 1)
    lines = [f"    {shown(flip.id, 80)}  {change:+.3f} {shown(task.unit)}".rstrip()]
    for name, text in (
        ("reference", " | ".join(shown(reference, LONGEST) for reference in flip.references[:3])),
        ("A", _said(flip.first, flip.joint)),
        ("B", _said(flip.second, flip.joint)),
    ):
        start = f"      {name:<10}"
        deeper = " " * len(start)  # a mark such as [a->b] has a hyphen, and is no place to break a line
        lines += wrap(text, WIDTH, initial_indent=start, subsequent_indent=deeper, break_on_hyphens=False) or [
            start.rstrip()
        ]
    return lines


def _said(said: Said, joint: str) -> str:
    """An answer; of an error rate with its errors marked: [right->said], [-left out-], {+put in+}."""
    if said.answer is None:
        return f"(no answer could be read in) {shown(said.raw, LONGEST)}"
    if said.steps is None:
        return shown(said.answer, LONGEST)
    text = joint.join(_marked(run) for run in _runs(said, joint))
    return text + (f" … ({said.more_steps:,} more)" if said.more_steps else "")


def _marked(run: Mapping[str, str]) -> str:
    right, said = run["right"], run["said"]
    marks = {"substitution": f"[{right}->{said}]", "deletion": f"[-{right}-]", "insertion": f"{{+{said}+}}"}
    return marks.get(run["kind"], right)


def _runs(said: Said, joint: str) -> list[dict[str, str]]:
    """The steps of an answer, neighbours of one kind together: `kind`, and both texts, `right` and `said`."""
    return [
        {
            "kind": kind,
            "right": _joined([step.reference for step in steps], joint),
            "said": _joined([step.answer for step in steps], joint),
        }
        for kind, steps in ((kind, list(run)) for kind, run in groupby(said.steps or (), attrgetter("kind")))
    ]


def _joined(tokens: Sequence[str | None], joint: str) -> str:
    return shown(joint.join(token for token in tokens if token is not None), LONGEST)
