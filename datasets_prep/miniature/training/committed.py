"""What the miniature holds, and no lesson may: its recipes and its sentences."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from datasets_prep.miniature import texts
from datasets_prep.miniature.recipes import Recipe, file_name
from datasets_prep.miniature.rows import NAMED, ROWS, read_clips, read_rows

SHARED = 3
"""A lesson's sentence has at most so many units in a row from one of the miniature."""
WITHOUT_BLANKS = ("zh", "yue", "ja")
VOICED = {"cmn": "zh", "yue": "yue"}
"""Languages by the first part of the voice's name, where the two differ."""
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def language_of(voice: str) -> str:
    """ISO 639 code of a voice of espeak-ng."""
    name = re.split("[-+]", voice)[0]
    return VOICED.get(name, name)


def units_of(text: str, language: str) -> list[str]:
    """Words in lower case without punctuation; characters in languages that are written without blanks."""
    words = WORD.findall(text.lower())
    return list("".join(words)) if language in WITHOUT_BLANKS else words


@cache
def sentences() -> dict[str, tuple[tuple[str, ...], ...]]:
    """All that is said in the miniature, as units, by language; each once."""
    said: dict[str, dict[tuple[str, ...], None]] = {}

    def add(language: str, text: str) -> None:
        said.setdefault(language, {})[tuple(units_of(text, language))] = None

    for recipe in _recipes():
        for part in _parts(recipe):
            if "say" in part:
                add(language_of(part["voice"]), part["say"])
    for readers in texts.LIBRISPEECH.values():
        for reader in readers:
            for sentence in reader.sentences:
                add("en", sentence)
    for locale, rows in texts.COVOST.items():
        for row in rows:
            add(locale.partition("-")[0], row[locale])
    return {language: tuple(found) for language, found in said.items()}


def is_held(text: str, language: str) -> bool:
    """Whether a text has a sentence of the miniature in it, or more than SHARED units of one in a row. Single words
    are nobody's."""
    units = units_of(text, language)
    held = _stretches().get(language, frozenset())
    lengths = {len(stretch) for stretch in held}
    return any(
        tuple(units[start : start + length]) in held for length in lengths for start in range(len(units) - length + 1)
    )


def is_clip(recipe: Recipe) -> bool:
    """Whether a complete recipe is one of the miniature's."""
    return file_name(recipe) in _names()


@cache
def _stretches() -> dict[str, frozenset[tuple[str, ...]]]:
    found: dict[str, set[tuple[str, ...]]] = {}
    for language, all_units in sentences().items():
        for units in all_units:
            length = min(len(units), SHARED + 1)
            if length > 1:
                starts = range(len(units) - length + 1)
                found.setdefault(language, set()).update(units[start : start + length] for start in starts)
    return {language: frozenset(stretches) for language, stretches in found.items()}


@cache
def _names() -> frozenset[str]:
    return frozenset(file_name(recipe) for recipe in _recipes())


@cache
def _recipes() -> tuple[Recipe, ...]:
    """All recipes of the rows, those that have names first."""
    named = read_clips(ROWS / NAMED)
    found = list(named.values())
    for path in sorted(ROWS.glob("[!_]*.yaml")):
        for rows in read_rows(path, named)[1].values():
            found += [recipe for row in rows for recipe in row.audio]
    return tuple(found)


def _parts(recipe: Any) -> Iterator[Recipe]:
    yield recipe
    for kind in ("sequence", "overlap"):
        for part in recipe.get(kind, ()):
            yield from _parts(part)
