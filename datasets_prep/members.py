"""Recordings that a corpus's reader names, found in an archive that is packed a little otherwise."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Recording, Row
from datasets_prep.records import SOUNDS


class Members:
    """The recordings of a tree."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)
        self.by_stem: dict[str, list[str]] = {}
        for name in sorted(self.names):
            if is_sound(name):
                self.by_stem.setdefault(PurePosixPath(name).stem, []).append(name)

    def find(self, wanted: str) -> str:
        """The file of that name; or else the only one of that name in folders more, or in one fewer, or that ends as
        another kind of recording does (.WAV, .flac); or else, as it cannot be found, the name itself."""
        if wanted in self.names or not is_sound(wanted):
            return wanted
        found = [name for name in self.by_stem.get(PurePosixPath(wanted).stem, ()) if _is_it(name, wanted)]
        return found[0] if len(found) == 1 else wanted


def is_sound(name: str) -> bool:
    """Whether a file is a recording, by its ending."""
    return PurePosixPath(name).suffix.lower() in SOUNDS


def located(rows: Iterable[Row], trees: Mapping[str, Tree]) -> list[Row]:
    """The rows with their recordings' members as the trees have them; each keeps its path, but for its ending."""
    members = {name: Members(tree.names) for name, tree in trees.items()}

    def at(recording: Recording) -> Recording:
        member = members[recording.archive].find(recording.member)
        if member == recording.member:
            return recording
        return replace(recording, member=member, path=with_ending_of(recording.path, member))

    return [replace(row, recordings=tuple(map(at, row.recordings))) for row in rows]


def with_ending_of(path: str, name: str) -> str:
    """A path with the ending of another."""
    return str(PurePosixPath(path).with_suffix(PurePosixPath(name).suffix))


def _is_it(name: str, wanted: str) -> bool:
    have, want = (PurePosixPath(path).with_suffix("").parts for path in (name, wanted))
    if len(have) < len(want):
        return have == want[1:]
    return have[len(have) - len(want) :] == want
