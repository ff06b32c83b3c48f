"""What a corpus declares of itself, and the list of those that are known."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from functools import cache
from typing import Any

from datasets_prep.archives import Tree


class CorpusError(ValueError):
    """A corpus that cannot be prepared or found; one sentence that says what, where and what to do."""


class FullDiskError(CorpusError):
    """There is no room; the same command goes on when there is."""


class Access(Enum):
    """What it takes to have the archives."""

    open = "anyone may download them"
    agreement = "terms are to be accepted first"
    paid = "they are sold"


@dataclass(frozen=True)
class Hub:
    """Files of a dataset repository of the Hugging Face hub."""

    id: str
    """owner/name."""
    revision: str | None = None
    """A commit; null: the newest when it is first fetched, which is recorded and kept to from then on."""
    files: tuple[str, ...] = ("*",)
    """Patterns of the paths that are wanted."""


@dataclass(frozen=True)
class Archive:
    """A file as published: an archive (.tar.gz, .tgz, .tar, .zip, .7z, .parquet) or a table; or, where its name is its
    ``unpacked``, a folder that nobody packed."""

    name: str
    url: str | None = None
    bytes: int | None = None
    md5: str | None = None
    sha256: str | None = None
    also: tuple[str, ...] = ()
    """Other names, or paths below the source, that it goes by."""
    parts: tuple[str, ...] = ()
    """Of a split zip: the files before the last, in order."""
    unpacked: tuple[str, ...] = ()
    """The folder that it unpacks to; its first is how its members' names begin, further ones are other places."""
    tops: tuple[str, ...] = ()
    """Of an archive without a folder of its own, or a folder that goes by any name: the folders and files in it."""
    tables: tuple[str, ...] = ()
    """How the names of the members end that are read as tables."""
    nested: tuple[str, ...] = ()
    """How the names of the members end that are archives themselves: what is in one is named as if it had been unpacked
    where it lies. Of a tar or zip archive these are tar archives."""
    hub: Hub | None = None
    """Where it can be had, if not by url: for a folder."""

    @property
    def is_folder(self) -> bool:
        return self.name in self.unpacked


@dataclass(frozen=True)
class Split:
    """A part of a corpus that is evaluated on: <name>.jsonl."""

    name: str
    archives: tuple[str, ...]
    """By name, all that it needs; where the first is missing, a source does not have the split."""
    samples: int | None = None
    """As published; null: not known."""
    words: int | None = None
    """Of all references, as published."""
    hours: float | None = None
    parted: tuple[str, ...] = ()
    """Of its archives those that are parts of a whole: only the ones are needed that a row has a recording in."""
    loose: tuple[str, ...] = ()
    """Files that may lie in the place of its first archive, which is one of tables; one of them is enough."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Whatever tells the corpus's own reader what to read."""
    labels: tuple[str, ...] | None = None
    """What every reference of it is one of; null: the corpus's labels."""


@dataclass(frozen=True)
class Recording:
    """A stretch of a file of an archive."""

    archive: str
    member: str
    path: str
    """Where the file goes, below the corpus's folder."""
    start: float | None = None
    end: float | None = None
    """Seconds from the beginning of the file."""


@dataclass(frozen=True)
class Row:
    """A sample before its recordings are there."""

    id: str
    recordings: tuple[Recording, ...]
    references: tuple[str, ...]
    """To the letter."""
    group: str
    """Speaker, dialogue or recording: the unit of resampling."""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """A dataset as published."""

    name: str
    """Of its module and of its folder below the data root."""
    title: str
    tasks: tuple[str, ...]
    """Types: asr, s2tt, asc, aqa..."""
    languages: tuple[str, ...]
    home: str
    licence: str
    access: Access
    citation: str
    archives: tuple[Archive, ...]
    splits: tuple[Split, ...]
    rows: Callable[[Split, Mapping[str, Tree]], Iterable[Row]]
    """Reads a split from its archives, by name; raises CorpusError for what is not as published."""
    layout: str
    """Of the archives, in words."""
    labels: tuple[str, ...] | None = None
    """What every reference is one of, where a split does not say otherwise."""
    defects: tuple[str, ...] = ()
    """Known of the corpus."""
    unverified: tuple[str, ...] = ()
    """What could not be checked of all this."""
    copies: tuple["Corpus", ...] = ()
    """The same corpus in other archives, such as the hub's copy: the same name, splits of the same names."""

    def archive(self, name: str) -> Archive:
        return next(archive for archive in self.archives if archive.name == name)

    def labels_of(self, split: Split) -> tuple[str, ...] | None:
        return self.labels if split.labels is None else split.labels

    def split(self, name: str) -> Split:
        """Raises CorpusError with the nearest name."""
        for split in self.splits:
            if split.name == name:
                return split
        raise CorpusError(f"{self.name} has no subset '{name}'{nearest(name, [split.name for split in self.splits])}")


@cache
def corpora() -> dict[str, Corpus]:
    """All corpora by name: every module of this package that declares CORPUS."""
    package = importlib.import_module("datasets_prep")
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg and not module.name.startswith("_"):
            corpus = getattr(importlib.import_module(f"datasets_prep.{module.name}"), "CORPUS", None)
            if isinstance(corpus, Corpus):
                found[corpus.name] = corpus
    return dict(sorted(found.items()))


def get_corpus(name: str) -> Corpus:
    """The corpus of that name. Raises CorpusError with the nearest name."""
    if name not in corpora():
        raise CorpusError(f"there is no corpus '{name}'{nearest(name, list(corpora()))}")
    return corpora()[name]


def nearest(name: str, known: list[str]) -> str:
    """The tail of an error about an unknown name."""
    close = get_close_matches(name.casefold(), known, 1, 0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; there are {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}"
