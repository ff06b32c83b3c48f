"""Controls: what is heard in place of a sample's own clips. A pure function of the samples, the same everywhere."""

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import replace

from evaluate.config import ConfigError, Control
from evaluate.plan import Item


def apply(control: Control | None, items: Sequence[Item], task: str) -> list[Item]:
    """The items of a task as they are heard. Raises ConfigError where no sample has another's clips to hear."""
    if control is Control.silence:
        return [replace(item, silent=True) for item in items]
    if control is Control.no_audio:
        return [replace(item, clips=(), seconds=0.0) for item in items]
    if control is Control.shuffle:
        return _shuffled(items, task)
    return list(items)


def fingerprint(control: Control | None) -> dict[str, str]:
    """What a control adds to the fingerprint of what is asked, of every task in a directory."""
    return {"control": control.name if control else "none"}


def _shuffled(items: Sequence[Item], task: str) -> list[Item]:
    """Each item with the clips of another of as many clips, and never with clips equal to its own (several questions
    may be asked of one recording).

    The items stand in a line, ordered by the hash of their ids, those with equal clips together; each hears the item
    that stands as far on, around the end, as the largest such company is large: the nearest that is never its own.
    """
    heard: dict[str, Item] = {}
    for count in sorted({len(item.clips) for item in items}):
        companies: dict[Hashable, list[Item]] = {}
        alike = [item for item in items if len(item.clips) == count]
        for item in sorted(alike, key=lambda item: _order(item.request.id)):
            companies.setdefault(_recordings(item), []).append(item)
        line = [item for company in companies.values() for item in company]
        step = max(map(len, companies.values()))
        if 2 * step > len(line):
            clips = f"{count} clip{'s' * (count > 1)}"
            few = (
                f"one sample with {clips}" if len(line) == 1 else f"{step} of {len(line)} samples with the same {clips}"
            )
            raise ConfigError(
                f"control=shuffle: task {task} has {few}, and each is to hear another's; take more samples, or "
                f"control=silence"
            )
        for place, item in enumerate(line):
            heard[item.request.id] = line[(place + step) % len(line)]
    partners = [heard[item.request.id] for item in items]
    return [
        replace(item, clips=other.clips, folder=other.folder, seconds=other.seconds)
        for item, other in zip(items, partners, strict=True)
    ]


def _recordings(item: Item) -> Hashable:
    return tuple((str(item.folder / clip.path), clip.start, clip.end) for clip in item.clips)


def _order(identity: str) -> bytes:
    return hashlib.sha256(b"shuffle:" + identity.encode()).digest()
