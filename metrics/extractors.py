"""Named, versioned extractors: from what a model said to what it answered.

An extractor that cannot read an answer returns None; the row is then counted as wrong and shown as unparsed. None of
them guesses.
"""

import json
import re
import string
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from metrics.base import MetricError, nearest
from metrics.multilabel import label_scores
from metrics.quotes import quoted, reported

_TAG = re.compile(r"<\|[^|\n]{0,64}\|>")
_AROUND = string.whitespace + "\u3000\xa0\"'`*_“”‘’„‟«»‹›「」『』.!?,;:。！？，、；：…()[]（）"  # around a bare answer
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
# What takes a mention back: `not`, a few words of no weight, the mention; or the mention, then `is not`.
_BETWEEN = "an?|the|any|really|very|only|just|be|have|hear|sounds?|seems?|looks?|like|to|of|from|contains?|called"
_NEGATION = re.compile(
    r"(?:\b(?:not|no|never|neither|nor|without|non|cannot|hardly|unlike|except|instead of|rather than|other than)"
    rf"|n['’]t)[\s-]+(?:(?:{_BETWEEN})\s+){{0,5}}\W*$"
    r"|(?:不是|不像|不|没有|没|沒有|沒|并非|並非|非|无|無)\s*(?:任何|一[个只個隻])?\s*$"
)
_DENIAL = re.compile(
    r"\W*(?:is|are|was|were)(?:n['’]t|\s+(?:not|never|absent|wrong|incorrect|false|unlikely))\b|\s*[:=]\s*(?:no|false)\b"
)
_APART = re.compile(r"[\s_-]+")  # what may stand between the words of a label
_BETWEEN_WORDS = re.compile(rf"(?<=\w){_APART.pattern}(?=\w)")
_WORDS_TOO = ("a", "i")  # as candidates they count only where they are the whole answer
_YES_NO = r"(yes|no)(?![\w'’-])"
_FIRST_WORD = re.compile(rf"[\W_]*{_YES_NO}")
_ANSWER_IS = re.compile(rf"\banswer\b[\s*_]*(?:is\b|[:：])[\W_]*{_YES_NO}")
# What takes a verdict back: `yes or no`, `yes/no`, `yes. no.`; `yes, no dog barks` does not.
_OPPOSITE = {
    verdict: re.compile(rf"\W*(?:\b(?:or|and)\W+|[/|]\s*){other}\b|\W+{other}\s*(?:[^\w\s]|$)")
    for verdict, other in (("yes", "no"), ("no", "yes"))
}
_LEADING_LETTER = re.compile(r"^[\W_]*\w[)\].:]+(?:\s+(?=\S)|(?=[^\s\d]))")  # but `2.5` is a number
_LETTER_LINE = re.compile(r"^([\W_]*[^\W_](?:[^\w\n]|_)*)\n\s*")
_CAMEL_WORD = re.compile(r"[A-Z][a-z]+")
_CAMEL = re.compile(r"(?:[A-Z][a-z]+){2,}")
_POSSESSIVE = re.compile(r"['’]s(?!\w)")
_NO_IDEA = re.compile(r"\s+(?:idea|clue|answer|information|opinion|way to)\b")

# Before and after a letter that is meant as a letter. \0 stands where an option's text was cut out of the answer.
_LEAD = (
    r"(?:^|\banswer\b[\s*_]*(?:is\b|[:>–—-])|\b(?:option|choice|choose|pick|select)\b(?:\s+is\b)?"
    r"|答案\s*(?:[应應][该該])?(?:是|为|為|:)|[选選][项項择擇]?)"
    r"[\s*_:\"'“‘`$]*(?:(?:option|choice)\s+)?[(\[{]?"
)
_CLOSE = (
    r"(?=[*_\"'”’`$]*\s*(?:[.:;)\]}。<]|$|[-–—]\s|,?\s*(?:because|since)\b|,\s*\0"
    r"|is (?:the )?(?:correct|right|best|answer)\b)"
    r"|(?<![ai])\s*\0)"
)


class Extractor(ABC):
    """A function of the raw text, the sample's fields, its references and the task's labels.

    Raise `version` whenever an output changes.
    """

    name: str
    version: int = 1

    @abstractmethod
    def extract(
        self, raw: str, row_fields: Mapping[str, Any], references: Sequence[str], labels: Sequence[str] | None
    ) -> str | None:
        """The answer, or None when it cannot be read; a MetricError where the task lacks what is needed."""

    def __str__(self) -> str:
        return f"{self.name}.{self.version}"


class Exact(Extractor):
    """The raw text, unchanged."""

    name = "exact"

    def extract(
        self, raw: str, row_fields: Mapping[str, Any], references: Sequence[str], labels: Sequence[str] | None
    ) -> str | None:
        return raw


class Label(Extractor):
    """One label of a fixed set, spelt as in the set; case does not matter.

    The whole answer is a label (`"Dog."` -> `dog`), or exactly one label stands in it (`I hear a dog` -> `dog`). A
    label inside a longer one does not count (`car` in `car horn`); a negated one makes the answer unreadable. The words
    of a label in camel case may stand apart (`a subway station` -> `SubwayStation`, and not `Subway`), and between
    words a blank, a hyphen and an underscore are the same. Full-width signs equal others (NFKC).
    """

    name = "label"
    version = 3

    def extract(
        self, raw: str, row_fields: Mapping[str, Any], references: Sequence[str], labels: Sequence[str] | None
    ) -> str | None:
        if not labels:
            raise MetricError("extractor 'label' needs the label set of the task; set `labels`")
        return _only_one(_camels_joined(_compared(raw), labels), {label: label for label in labels})


class Labels(Extractor):
    """Several labels of a fixed set, as a JSON list: all that the answer mentions and does not deny, as `label` reads
    one, in their order (`a dog and some rain` -> `["dog", "rain"]`). JSON, a list of texts or an object of label and
    score, stays as it is. Without any label it is unreadable.
    """

    name = "labels"

    def extract(
        self, raw: str, row_fields: Mapping[str, Any], references: Sequence[str], labels: Sequence[str] | None
    ) -> str | None:
        if not labels:
            raise MetricError("extractor 'labels' needs the label set of the task; set `labels`")
        if raw.lstrip()[:1] in ("[", "{") and label_scores(raw) is not None:
            return raw
        text = _camels_joined(_compared(raw), labels)
        said = _mentions(text, {label: label for label in labels})
        found = [label for label, start, end in said if not _negated(text, start, end)]
        return json.dumps(list(dict.fromkeys(found)), ensure_ascii=False) if found else None


class YesNo(Extractor):
    """`yes` or `no`: the first word, or what follows `answer is` or `answer:`; never both (`yes or no`)."""

    name = "yes_no"

    def extract(
        self, raw: str, row_fields: Mapping[str, Any], references: Sequence[str], labels: Sequence[str] | None
    ) -> str | None:
        return _yes_no(_plain(raw))


class ShortAnswer(Extractor):
    """The verdict (as `yes_no` reads it) where most references are yes or no, else the text unchanged.

    For questions that are answered with yes, no or a word: `Yes, there is.` -> `yes`, and `two` stays `two`.
    """

    name = "short_answer"

    def extract(
        self, raw: str, row_fields: Mapping[str, Any], references: Sequence[str], labels: Sequence[str] | None
    ) -> str | None:
        verdicts = sum(_plain(reference).strip(_AROUND) in ("yes", "no") for reference in references)
        return _yes_no(_plain(raw)) if 2 * verdicts > len(references) else raw


class Choice(Extractor):
    """One option of a multiple-choice question, from `fields["choices"]` (texts for A, B, ..., or letter: text).

    By letter (`B`, `(B)`, `B. a dog`, `The answer is (B).`, `option B`) or by text (the whole answer, or the only
    option in it). Letter and text that disagree, or several options, are unreadable. Returns the letter where all
    references are letters, else the option's text.
    """

    name = "choice"
    version = 2

    def extract(
        self, raw: str, row_fields: Mapping[str, Any], references: Sequence[str], labels: Sequence[str] | None
    ) -> str | None:
        choices = _choices(row_fields)
        text = _compared(_LETTER_LINE.sub(r"\1. ", raw.lstrip(), count=1))
        letters = _letters(_without_mentions(text, choices.values()), choices)
        rest = _LEADING_LETTER.sub("", text)
        by_text = _only_one(rest, choices)
        mentioned = {by_text} if by_text else {key for key, _, _ in _mentions(rest, choices)}
        named = letters | mentioned
        if len(named) != 1:
            return None
        letter = by_text or (letters and letters.pop())
        if not letter:
            return None  # the one option mentioned is negated
        return letter if references and all(reference in choices for reference in references) else choices[letter]


class Quoted(Extractor):
    """What stands in quotation marks (`The person says: "Hello."` -> `Hello.`), else the text unchanged."""

    name = "quoted"

    def extract(
        self, raw: str, row_fields: Mapping[str, Any], references: Sequence[str], labels: Sequence[str] | None
    ) -> str | None:
        return quoted(raw)


class Reported(Extractor):
    """What stands in quotation marks where the answer's first words lead into it, else the text unchanged.

    `The person says: "Hello."` and `Translation: "Hallo."` are read; `"Oh," said she` is a transcript, and stays.
    """

    name = "reported"

    def extract(
        self, raw: str, row_fields: Mapping[str, Any], references: Sequence[str], labels: Sequence[str] | None
    ) -> str | None:
        return reported(raw)


def _camels_joined(text: str, labels: Sequence[str]) -> str:
    """The plain text, the words of each label in camel case written as one: `subway station` -> `subwaystation`.

    More letters may follow: `subway stations` is neither that label nor a `subway`."""
    for label in labels:
        if _CAMEL.fullmatch(label):
            words = [word.casefold() for word in _CAMEL_WORD.findall(label)]
            apart = r"[\s_-]".join(words)
            text = re.sub(rf"(?<!\w){apart}", "".join(words), text)
    return text


def _plain(raw: str) -> str:
    """Case-folded, model tags out, runs of white space one blank."""
    return " ".join(_TAG.sub(" ", raw).casefold().split())


@lru_cache(maxsize=10_000)
def _folded(candidate: str) -> str:
    """`_compared` of a label or option, which comes back with every row."""
    return _compared(candidate)


def _compared(text: str) -> str:
    """`_plain`, compatible signs made one (full-width letters, accents apart); \\0 is kept for what is cut out."""
    return _plain(unicodedata.normalize("NFKC", text.replace("\0", " ")))


def _bare(text: str) -> str:
    """A plain text without signs around it, its words apart by single blanks."""
    return _BETWEEN_WORDS.sub(" ", text).strip(_AROUND)


@lru_cache(maxsize=10_000)
def _pattern(wanted: str) -> re.Pattern[str]:
    """A plain label or option, whatever stands between its words."""
    words = [word for word in _APART.split(wanted) if word]
    return re.compile(_APART.pattern.join(map(re.escape, words)) if words else re.escape(wanted))


def _only_one(text: str, candidates: Mapping[str, str]) -> str | None:
    """The key of the candidate that the plain text is, or else of the only one that it mentions without negation."""
    folded = {key: _folded(candidate) for key, candidate in candidates.items()}
    whole = [key for key in folded if folded[key] == text]
    whole = whole or [key for key in folded if _bare(folded[key]) == _bare(text)]
    if whole:
        return whole[0] if len(whole) == 1 else None
    mentions = _mentions(text, candidates)
    keys = {key for key, _, _ in mentions}
    if len(keys) != 1 or any(_negated(text, start, end) for _, start, end in mentions):
        return None
    return keys.pop()


def _negated(text: str, start: int, end: int) -> bool:
    return bool(_NEGATION.search(text[max(0, start - 60) : start]) or _DENIAL.match(text, end))


def _mentions(text: str, candidates: Mapping[str, str]) -> list[tuple[str, int, int]]:
    """Key, start and end of each candidate that stands in the plain text by itself and not inside a longer one.

    `yes` and `no` are ordinary words (`there is no dog`): as candidates they count only where they are the verdict.
    """
    spans = []
    for key, candidate in candidates.items():
        folded = _folded(candidate)
        if folded in ("yes", "no"):
            if _yes_no(text) == folded:
                spans.append((0, 0, key))
        elif folded not in _WORDS_TOO:
            spans += [(start, end, key) for start, end in _occurrences(text, folded)]
    kept = []
    last = (-1, -1)
    for start, end, key in sorted(spans, key=lambda span: (span[0], -span[1])):
        if end > last[1] or (start, end) == last:
            kept.append((key, start, end))
            last = (start, end)
    return kept


def _occurrences(text: str, wanted: str) -> Iterable[tuple[int, int]]:
    """Start and end of each occurrence bounded by non-word signs; scripts written without blanks need no bounds."""
    if not wanted:
        return
    unspaced = bool(_UNSPACED.search(wanted))
    pattern = _pattern(wanted)
    found = pattern.search(text)
    while found:
        start, end = found.span()
        if unspaced or not (_joined(text, start - 1, -1) or _joined(text, end, 1)):
            yield start, end
        found = pattern.search(text, start + 1)


def _joined(text: str, position: int, step: int) -> bool:
    """Whether the sign there belongs to a word or number, or is a hyphen or apostrophe (no `'s`) with a word beyond it.

    Beside a digit, a plus, a minus or a per cent sign belongs to it, and so does a point or colon before another digit.
    """
    if not 0 <= position < len(text) or (step > 0 and _POSSESSIVE.match(text, position)):
        return False
    if text[position - step].isdigit():
        beyond = text[position + step] if 0 <= position + step < len(text) else ""
        if text[position] in ("%°" if step > 0 else "+-−") or (text[position] in ".,:/" and beyond.isdigit()):
            return True
    if text[position] in "-'’":
        return 0 <= position + step < len(text) and _is_word(text[position + step])
    return _is_word(text[position])


def _is_word(sign: str) -> bool:
    return sign == "_" or unicodedata.category(sign)[0] in "LNM"


def _yes_no(text: str) -> str | None:
    """The verdict of a plain text, or None when there is none, or both."""
    verdicts = set()
    for found in [_FIRST_WORD.match(text), *_ANSWER_IS.finditer(text)]:
        if found is not None:
            verdict, rest = found[1], text[found.end() :]
            if _OPPOSITE[verdict].match(rest) or (verdict == "no" and _NO_IDEA.match(rest)):
                return None
            verdicts.add(verdict)
    return verdicts.pop() if len(verdicts) == 1 else None


def _choices(fields: Mapping[str, Any]) -> dict[str, str]:
    """Letter -> option text."""
    choices = fields.get("choices")
    if not choices or not isinstance(choices, Mapping | list | tuple):
        raise MetricError(
            "extractor 'choice' needs the field 'choices' of the row: a list of option texts, or a mapping letter: text"
        )
    if isinstance(choices, Mapping):
        return {str(letter): str(text) for letter, text in choices.items()}
    if len(choices) > len(string.ascii_uppercase):
        raise MetricError(f"the field 'choices' lists {len(choices)} options; 26 have letters, map letters to the rest")
    return {letter: str(text) for letter, text in zip(string.ascii_uppercase, choices, strict=False)}


def _without_mentions(text: str, options: Iterable[str]) -> str:
    """The plain text with option texts cut out, so that no letter is read from them (`C major` is not C)."""
    for option in sorted((_folded(option) for option in options), key=len, reverse=True):
        if len(option) > 1:
            for start, end in reversed(list(_occurrences(text, option))):
                text = f"{text[:start]}\0{text[end:]}"
    return text


def _letters(text: str, choices: Mapping[str, str]) -> set[str]:
    """The options that a plain text names by letter.

    A letter counts where it is marked as one: in brackets, or after the beginning, `answer is`, `answer:`, `option`,
    `choice` and before a full stop, closing bracket, colon, dash, line end or a word like `because`; `a dog` is no A.
    """
    keys = {key.casefold(): key for key in choices}
    if text.strip(_AROUND) in keys:
        return {keys[text.strip(_AROUND)]}
    one = "(" + "|".join(re.escape(key) for key in sorted(keys, key=len, reverse=True)) + ")"
    listed = re.search(rf"(?<![\w'’])[(\[]?{one}[)\]]?\s*(?:,|/|&|\bor\b|\band\b)\s*[(\[]?{one}(?!\w)", text)
    if listed and listed[1] != listed[2]:
        return {keys[listed[1]], keys[listed[2]]}
    found = [*re.finditer(rf"{_LEAD}{one}(?!\w){_CLOSE}", text), *re.finditer(rf"[(\[{{]{one}[)\]}}]", text)]
    if any(_NEGATION.search(text[max(0, match.start() - 40) : match.start()]) for match in found):
        return set()
    return {keys[match[1]] for match in found}


EXTRACTORS: dict[str, Extractor] = {
    extractor.name: extractor
    for extractor in (Exact(), Label(), Labels(), YesNo(), ShortAnswer(), Choice(), Quoted(), Reported())
}


def get_extractor(name: str) -> Extractor:
    """The extractor of that name; a MetricError gives the nearest name otherwise."""
    if not isinstance(name, str) or name not in EXTRACTORS:
        raise MetricError(f"no extractor named {name!r}{nearest(name, EXTRACTORS)}")
    return EXTRACTORS[name]
