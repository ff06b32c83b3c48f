"""``corpus.json``: what a corpus was prepared from, and what came of it."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from datasets_prep.corpus import CorpusError

SCHEMA_VERSION = 1


@dataclass
class ArchiveRecord:
    """A file that a subset was read from."""

    bytes: int
    sha256: str
    published: bool
    """Whether a published checksum says the same; otherwise it is this one that later preparations are held to."""


@dataclass
class SubsetRecord:
    """One prepared subset."""

    samples: int
    clips: int
    """Recordings, each counted once."""
    hours: float
    """Of the recordings that can be decoded."""
    words: int
    """Of all references, parted at white space."""
    labels: dict[str, int] | None
    """How often each label of the corpus is the reference; null where it has no label set."""
    groups: int
    manifest_sha256: str
    """Of the bytes of <subset>.jsonl."""
    references_sha256: str
    """Of id and references of every sample, in order, as JSON."""
    defects: dict[str, list[str]]
    """Kind to the ids of the samples that have it."""
    archives: list[str] = field(default_factory=list)
    """Names of the files it was read from; empty where they had been unpacked before."""
    standing: str = "unchecked"
    """`published`: all checksums and counts that were published hold, and at least one was; `unchecked`: none was
    published; `unofficial`: taken as it is, by --unofficial."""
    differences: list[str] = field(default_factory=list)
    """From what was published, let through by --unofficial."""


@dataclass
class CorpusRecord:
    """``<root>/<corpus>/corpus.json``."""

    corpus: str
    title: str
    home: str
    licence: str
    access: str
    citation: str
    schema_version: int = SCHEMA_VERSION
    archives: dict[str, ArchiveRecord] = field(default_factory=dict)
    subsets: dict[str, SubsetRecord] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)
    """Of the hub's repositories that it was read from; absent where there is none."""

    @classmethod
    def read(cls, path: Path) -> "CorpusRecord | None":
        """None where there is none. Raises CorpusError for a file that is not one of this version."""
        if not path.is_file():
            return None
        try:
            values: dict[str, Any] = json.loads(path.read_bytes())
            if values["schema_version"] != SCHEMA_VERSION:
                raise CorpusError(
                    f"{path} has version {values['schema_version']}, not {SCHEMA_VERSION}: prepare into another root"
                )
            archives = {name: ArchiveRecord(**entry) for name, entry in values.pop("archives").items()}
            subsets = {name: SubsetRecord(**entry) for name, entry in values.pop("subsets").items()}
            return cls(**values, archives=archives, subsets=subsets)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if isinstance(error, CorpusError):
                raise
            raise CorpusError(f"{path} is damaged ({error}): remove it and prepare again") from None

    def write(self, path: Path) -> None:
        """In one step: a reader sees the old file or the new one."""
        values = asdict(self)
        values["archives"] = dict(sorted(values["archives"].items()))
        values["subsets"] = dict(sorted(values["subsets"].items()))
        if not self.commits:
            del values["commits"]
        replace_file(path, json.dumps(values, ensure_ascii=False, indent=1).encode() + b"\n")


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in one step, through to the disk."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
