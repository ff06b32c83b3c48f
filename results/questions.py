"""Questions: what a model was asked, apart from which model it was."""

from collections.abc import Mapping

from results.fingerprint import differences

ASKED = ("prompt", "manifest", "language", "generation", "long_audio", "control")
"""The parts of a task's fingerprint (`TaskRecord.asked`) that say what was asked; the others say who answered: model,
weights, dtype, code. Those may differ, for they are what is compared."""


def other_questions(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What differs in the questions of two fingerprints, a phrase each; empty where the same was asked."""
    return differences(*({key: value for key, value in asked.items() if key in ASKED} for asked in (before, now)))


def other_answerers(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What differs in who answered, a phrase each."""
    return differences(*({key: value for key, value in asked.items() if key not in ASKED} for asked in (before, now)))
