"""Questions: what a model was asked, apart from which model it was."""

from collections.abc import Mapping

from results.fingerprint import differences

ASKED = ("prompt", "manifest", "language", "generation", "long_audio", "control")
"""The parts of a task's fingerprint (`TaskRecord.asked`) that say what was asked; the others say who answered: model,
weights, dtype, code. Those may differ, for they are what is compared."""


def other_questions(
    before: Mapping[str, str], now: Mapping[str, str], when: tuple[str, str] = ("before", "now")
) -> list[str]:
    """What differs in the questions of two fingerprints, a phrase each; empty where the same was asked."""
    return differences(_parts(before, asked=True), _parts(now, asked=True), when)


def scored_together(signature: str) -> bool:
    """Whether what a sample counts depends on the other samples (document frequencies over all references of a run):
    statistics of two runs are then comparable only where both scored the same samples."""
    return "df:rows" in signature.split("|")


def other_answerers(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What differs in who answered, a phrase each."""
    return differences(_parts(before, asked=False), _parts(now, asked=False))


def _parts(fingerprint: Mapping[str, str], asked: bool) -> dict[str, str]:
    return {key: value for key, value in fingerprint.items() if (key in ASKED) == asked}
