"""Named, versioned text normalisers: what counts as the same text.

`none`, `no_tags`, `basic` and `whisper_en` are defaults to choose from; `qwen_audio` and `qwen2_audio` do what the
evaluation scripts published with these models do, oddities included, so that published numbers can be reproduced.
"""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from typing import Any

from metrics.base import MetricError, nearest, primary_language
from metrics.chinese import spoken_chinese

_TAG = re.compile(r"<\|.*?\|>")
_BLANKS = re.compile(r"\s+")
_BLANK_BEFORE_PUNCTUATION = re.compile(r" ?([!,.?;:])")

_LONG = 4000
_ENDLESS_BLANKS = re.compile(r"\s{100,}")
# Python reads integers of up to 4,300 digits, and Whisper's English normaliser does not expect a refusal.
_MANY_DIGITS = re.compile(rf"(?:\d,?){{{_LONG}}}(?=\d)")


class Normalizer(ABC):
    """A function of text and its language. Raise `version` whenever an output changes."""

    name: str
    version: int = 1
    uses_language: bool = False
    """Whether the language decides something; it is then part of the signature."""

    def check_language(self, language: str | None) -> None:
        """Raise a MetricError for a language that the normaliser cannot work with; any will do unless overridden."""
        return

    def normalize(self, text: str, language: str | None = None) -> str:
        """The normalised text; a MetricError for a language that the normaliser cannot work with."""
        self.check_language(language)
        return self._normalized(text, language)

    @abstractmethod
    def _normalized(self, text: str, language: str | None) -> str: ...

    def __str__(self) -> str:
        return f"{self.name}.{self.version}"


class NoNormalizer(Normalizer):
    """The text as it is."""

    name = "none"

    def _normalized(self, text: str, language: str | None) -> str:
        return text


class NoTags(Normalizer):
    """Model tags out, blanks tidied, and nothing else: case and punctuation stay.

    `<|de|>Das  ist <|itn|>"gut".<|endoftext|>` -> `Das ist "gut".`
    """

    name = "no_tags"

    def _normalized(self, text: str, language: str | None) -> str:
        return " ".join(_tags_blank(text).split())


class Basic(Normalizer):
    """Whisper's normaliser for all languages: lower case, bracketed parts out, marks, symbols and punctuation blank.

    Diacritics that are letters of their own stay (`café`, `œ`): `Crème brûlée (dessert)` -> `crème brûlée`.
    """

    name = "basic"

    def _normalized(self, text: str, language: str | None) -> str:
        return _basic(text).strip()


class WhisperEnglish(Normalizer):
    """Whisper's English normaliser: fillers out, contractions, numbers and British spelling rewritten.

    `Mr. Brown's colour costs twenty-five dollars` -> `mister brown is color costs $25`
    """

    name = "whisper_en"

    def check_language(self, language: str | None) -> None:
        if primary_language(language) not in (None, "en"):
            raise MetricError(
                f"normalizer 'whisper_en' is for English, but the language is {language!r}; use normalizer 'basic'"
            )

    def _normalized(self, text: str, language: str | None) -> str:
        return _english(text).strip()


class QwenAudio(Normalizer):
    """As published with Qwen-Audio: tags to blanks, blanks tidied, lower case; punctuation counts.

    `<|en|>He  said , "Yes" .` -> `he said, "yes".`; Chinese loses all white space.
    """

    name = "qwen_audio"
    uses_language = True

    def _normalized(self, text: str, language: str | None) -> str:
        return _without_tags(text, language).lower()


class Qwen2Audio(Normalizer):
    """As published with Qwen2-Audio: tags out, then by language.

    English: Whisper's English normaliser and then the basic one (so `$20.50` becomes `20 50`). Mandarin: numbers
    spelt out, punctuation blank (`metrics.chinese`). Cantonese: simplified characters, then basic. Others: basic.
    Tokens of punctuation alone go, lower case.
    """

    name = "qwen2_audio"
    uses_language = True

    def check_language(self, language: str | None) -> None:
        if primary_language(language) is None:
            raise MetricError(
                "normalizer 'qwen2_audio' works by language, and none is known: set `task.language` (or `--language`)"
            )

    def _normalized(self, text: str, language: str | None) -> str:
        primary = primary_language(language)
        text = _without_tags(text, language)
        if primary == "zh":
            text = spoken_chinese(text)
        else:
            if primary == "yue":
                text = _simplified()(text, "zh-cn")
            elif primary == "en":
                text = _english(text)
            text = _basic(text)
        return " ".join(token for token in text.split(" ") if not _is_punctuation(token)).lower()


def _without_tags(text: str, language: str | None) -> str:
    """Each shortest `<|...|>` a blank, runs of white space one blank, none before ASCII punctuation or at the start."""
    text = _BLANKS.sub(" ", _tags_blank(text))
    text = _BLANK_BEFORE_PUNCTUATION.sub(r"\1", text).lstrip(" ")
    return _BLANKS.sub("", text) if primary_language(language) == "zh" else text


def _tags_blank(text: str) -> str:
    """Each shortest `<|...|>` a blank."""
    head, end, tail = text.rpartition("|>")  # no tag can begin after the last end: keeps `<|<|<|...` linear
    return _TAG.sub(" ", head + end) + tail


def _is_punctuation(token: str) -> bool:
    """Whether a token is punctuation through and through; so is the empty token."""
    return all(unicodedata.category(sign).startswith("P") for sign in token)


def _basic(text: str) -> str:
    return _whisper_basic()(_closed(text))


def _english(text: str) -> str:
    return _whisper_english()(_closed(_MANY_DIGITS.sub(r"\g<0> ", text)))


def _closed(text: str) -> str:
    """A long text without endless blanks and without brackets that never close, which become blanks anyway.

    Whisper's patterns would follow each of them to the end of the text: 100,000 would take a minute.
    """
    if len(text) < _LONG:
        return text
    for opening, closing in ((r"[<\[]", ">]"), (r"\(", ")")):
        end = max(text.rfind(sign) for sign in closing) + 1
        text = text[:end] + re.sub(opening, " ", text[end:])
    return _ENDLESS_BLANKS.sub(" ", text)


@cache
def _whisper_basic() -> Callable[[str], str]:
    from whisper_normalizer.basic import BasicTextNormalizer

    return BasicTextNormalizer()


@cache
def _whisper_english() -> Callable[[str], str]:
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()


@cache
def _simplified() -> Callable[[str, str], Any]:
    import zhconv

    return zhconv.convert


NORMALIZERS: dict[str, Normalizer] = {
    normalizer.name: normalizer
    for normalizer in (NoNormalizer(), NoTags(), Basic(), WhisperEnglish(), QwenAudio(), Qwen2Audio())
}


def get_normalizer(name: str) -> Normalizer:
    """The normaliser of that name; a MetricError gives the nearest name otherwise."""
    if name not in NORMALIZERS:
        raise MetricError(f"no normalizer named {name!r}{nearest(name, NORMALIZERS)}")
    return NORMALIZERS[name]
