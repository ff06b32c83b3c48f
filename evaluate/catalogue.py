"""All tasks, described, as docs/tasks.md has them: ``python -m evaluate.catalogue`` prints the page."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from datasets_prep.corpus import Corpus, Split, corpora
from results.papers.published import Published, published

TASKS = Path(__file__).resolve().parents[1] / "configs/task"
TYPES = {
    "asr": "Speech recognition",
    "srwt": "Speech recognition with word timestamps",
    "osr": "Overlapped speech recognition",
    "s2tt": "Speech translation",
    "lid": "Spoken language identification",
    "did": "Dialect identification",
    "gender": "Speaker gender",
    "age": "Speaker age",
    "sv": "Speaker verification",
    "sd": "Speaker diarization, as text",
    "emotion": "Speech emotion",
    "ks": "Keyword spotting",
    "ic": "Intent classification",
    "slots": "Slot filling",
    "entities": "Spoken entities",
    "aac": "Audio captioning",
    "sec": "Sound event classification",
    "asc": "Acoustic scene classification",
    "sed": "Sound event detection with times",
    "aqa": "Audio question answering",
    "vsc": "Vocal sound classification",
    "sid": "Singer identification",
    "smer": "Music emotion",
    "mc": "Music captioning",
    "mic": "Musical instruments",
    "mna": "Music note analysis",
    "mgr": "Music genre",
    "mqa": "Music question answering",
    "chat": "Chat and reasoning",
    "classify": "Your own: classification",
    "qa": "Your own: questions",
    "translate": "Your own: translation",
}
"""The types of tasks, by the names of their folders."""
MODEL = "Qwen-Audio"
"""Whose published values stand beside the tasks."""
INTRODUCTION = """\
# Tasks

Made from the configurations by `make docs`. *Samples* are the published numbers of the subsets, `?` where none is
published or it could not be checked. *Prompt* says of `qwen_audio` whether the papers' scripts state it (official) or
it is composed of the tags that the model was trained with (derived). *Qwen-Audio* is what its paper or repository
reports, of the row of scores that computes it. A task with `...` in its corpus's subsets serves more than one pair or
language: its YAML says which key chooses.

Music recognition (what song is this?) is a task of the Qwen-Audio paper without an open set: none is known, so there is
no task of it here. `srwt/librispeech_words` stands in for the closed Mandarin set of word timestamps.
"""


@dataclass(frozen=True)
class Entry:
    """One task's row of the page."""

    name: str
    meaning: str
    """The comment that its YAML begins with."""
    corpus: Corpus | None
    """None: a manifest of one's own."""
    subsets: tuple[str, ...]
    prompt: str
    metrics: tuple[str, ...]
    """Rows of scores, the primary one first."""


def entries() -> list[Entry]:
    """All tasks, by type and name."""
    found = [_entry(path) for path in sorted(TASKS.rglob("*.yaml"))]
    order = list(TYPES)
    return sorted(found, key=lambda entry: (order.index(entry.name.partition("/")[0]), entry.name))


def _entry(path: Path) -> Entry:
    text = path.read_text("utf-8")
    config: dict[str, Any] = yaml.safe_load(text)
    metrics = list(config["metrics"])
    primary = config.get("primary") or metrics[0]
    said = [line.removeprefix("#").strip() for line in text.splitlines()]
    comment = said[: next(place for place, line in enumerate(text.splitlines()) if not line.startswith("#"))]
    return Entry(
        name=path.relative_to(TASKS).with_suffix("").as_posix(),
        meaning=" ".join(comment),
        corpus=corpora().get(config["corpus"]["name"]),
        subsets=tuple(re.sub(r"\$\{[^}]*\}", "...", subset) for subset in config["corpus"].get("subsets", ())),
        prompt=_origin(text) if config["corpus"]["name"] != "manifest" else "",
        metrics=(primary, *(name for name in metrics if name != primary)),
    )


def _origin(text: str) -> str:
    """Whose prompt for Qwen-Audio it is."""
    found = re.search(
        r"^(?P<before>(?:  #.*\n)*)  qwen_audio:(?P<prompt>.*?)(?=^  \S|^\w)", text, re.MULTILINE | re.DOTALL
    )
    if not found:
        return "none"
    return "derived" if "derived" in found["before"] or "# derived" in found["prompt"] else "official"


def page() -> str:
    """docs/tasks.md."""
    lines = [INTRODUCTION]
    head = ("task", "corpus", "subsets", "samples", "licence", "access", "prompt", "scores", MODEL)
    by_type: dict[str, list[Entry]] = {}
    for entry in entries():
        by_type.setdefault(entry.name.partition("/")[0], []).append(entry)
    for kind, some in by_type.items():
        lines += [f"## {TYPES[kind]} (`{kind}`)", ""]
        lines += [f"- `{entry.name}`: {_escaped(entry.meaning)}" for entry in some]
        lines += ["", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        lines += ["| " + " | ".join(_cells(entry)) + " |" for entry in some]
        lines.append("")
    lines += _unverified()
    return "\n".join(lines)


def _cells(entry: Entry) -> list[str]:
    corpus = entry.corpus
    mine = [row for row in published() if row.model == MODEL and row.task == entry.name]
    values = [row for row in mine if row.scoring is not None]  # of others who quote or ran it, nobody knows how scored
    return [
        f"`{entry.name}`",
        _escaped(corpus.title) if corpus else "your manifest",
        ", ".join(_shortened(entry.subsets)),
        ", ".join(_samples(corpus, entry.subsets)) if corpus else "",
        _escaped(corpus.licence) if corpus else "",
        corpus.access.name if corpus else "",
        entry.prompt,
        ", ".join(entry.metrics),
        "; ".join(_value(row) for row in values),
    ]


def _samples(corpus: Corpus, subsets: tuple[str, ...]) -> list[str]:
    known = {split.name: split for split in corpus.splits}
    return list(_shortened(tuple(_count(known[name]) if name in known else "varies" for name in subsets)))


def _count(split: Split) -> str:
    return "?" if split.samples is None else f"{split.samples:,}"


def _shortened(texts: tuple[str, ...], most: int = 6) -> tuple[str, ...]:
    return texts if len(texts) <= most else (*texts[: most - 1], f"... ({len(texts)})")


def _value(row: Published) -> str:
    subset = f"{row.subset} " if row.subset else ""
    return f"{subset}{row.value:g} ({row.metric})"


def _unverified() -> list[str]:
    """What is not verified of each corpus, so that nobody takes it for checked."""
    rows = [
        f"| `{corpus.name}` | {_escaped('; '.join(dict.fromkeys(corpus.unverified)))} |"
        for corpus in corpora().values()
        if corpus.unverified
    ]
    head = ["## What could not be verified of the corpora", "", "| corpus | not verified |", "| --- | --- |"]
    return [*head, *rows, ""]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(page())
