"""Named, versioned text normalisers: what counts as the same text.

`default` takes the sane one of a row's language: `whisper_en`, `zh_tn`, `yue`, `ja`, or `basic` (also `whisper_basic`).
`qwen_audio` and `qwen2_audio` do what the evaluation scripts published with these models do, oddities included, so that
published numbers can be reproduced.
"""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from metrics.base import MetricError, nearest, primary_language
from metrics.chinese import spoken_chinese
from metrics.languages import cantonese, folded, japanese, mandarin, without_tags

_BLANKS = re.compile(r"\s+")
_BLANK_BEFORE_PUNCTUATION = re.compile(r" ?([!,.?;:])")

_SQUARE = re.compile(r"[<\[][^>\]]*[>\]]")
_ROUND = re.compile(r"\([^)]+\)")
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

    def signature(self, languages: Iterable[str | None]) -> str:
        """Name and version, and what else decides the outcome for texts of these languages."""
        return str(self)


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
        return " ".join(without_tags(text).split())


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


class Mandarin(Normalizer):
    """Mandarin: one width, simplified characters, numbers in words, remarks in brackets and punctuation out.

    `<|zh|>他２０２３年花了１,０００元（笑），佔½。` -> `他二零二三年花了一千元占二分之一`; step by step in
    `metrics.languages.mandarin`.
    """

    name = "zh_tn"

    def _normalized(self, text: str, language: str | None) -> str:
        return mandarin(_without_remarks(folded(text)))


class Cantonese(Normalizer):
    """Cantonese: as `zh_tn`, but `$` is read as in Hong Kong. `佢有35個（笑）計程車。` -> `佢有三十五个计程车`"""

    name = "yue"

    def _normalized(self, text: str, language: str | None) -> str:
        return cantonese(_without_remarks(folded(text)))


class Japanese(Normalizer):
    """Japanese: one width, numbers in kanji, remarks in brackets and punctuation out.

    `「１,２００円」です（笑）。` -> `千二百円です`; step by step in `metrics.languages.japanese`.
    """

    name = "ja"

    def _normalized(self, text: str, language: str | None) -> str:
        return japanese(_without_remarks(folded(text)))


class Default(Normalizer):
    """By language: `whisper_en` for English, `zh_tn`, `yue`, `ja`, else and where none is known `basic`.

    Before each of them tags go, apostrophes become straight and full-width signs half-width: `don’t` is then `do not`,
    and full-width brackets are brackets. The signature names those that were used: `default.1(basic.1+whisper_en.1)`.
    """

    name = "default"
    uses_language = True

    def _normalized(self, text: str, language: str | None) -> str:
        return self.resolved(language).normalize(folded(text), language)

    def resolved(self, language: str | None) -> Normalizer:
        """The normaliser of that language."""
        name = primary_language(language)
        return NORMALIZERS[_BY_LANGUAGE.get(name or "", "basic")]

    def signature(self, languages: Iterable[str | None]) -> str:
        return f"{self}({'+'.join(sorted({str(self.resolved(language)) for language in languages}))})"


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
    text = _BLANKS.sub(" ", without_tags(text))
    text = _BLANK_BEFORE_PUNCTUATION.sub(r"\1", text).lstrip(" ")
    return _BLANKS.sub("", text) if primary_language(language) == "zh" else text


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


def _without_remarks(text: str) -> str:
    """Without parts in square, angle and round brackets, as Whisper's normalisers have it."""
    return _ROUND.sub("", _SQUARE.sub("", _closed(text)))


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


_BY_LANGUAGE = {"en": "whisper_en", "zh": "zh_tn", "yue": "yue", "ja": "ja"}

NORMALIZERS: dict[str, Normalizer] = {
    normalizer.name: normalizer
    for normalizer in (
        *(NoNormalizer(), NoTags(), Basic(), WhisperEnglish(), Mandarin(), Cantonese(), Japanese(), Default()),
        *(QwenAudio(), Qwen2Audio()),
    )
}
NORMALIZERS["whisper_basic"] = NORMALIZERS["basic"]  # one normaliser, one signature: basic.1


def get_normalizer(name: str) -> Normalizer:
    """The normaliser of that name; a MetricError gives the nearest name otherwise."""
    if not isinstance(name, str) or name not in NORMALIZERS:
        raise MetricError(f"no normalizer named {name!r}{nearest(name, NORMALIZERS)}")
    return NORMALIZERS[name]
