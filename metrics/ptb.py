"""Penn Treebank tokens of captions: what the caption metrics count, without Java.

coco-caption cuts captions with the PTBTokenizer of Stanford CoreNLP 3.4.1 (lower case, one caption a line) and drops
single punctuation tokens. `tokenize` is a port of it in regular expressions, written from what the program answers:
equal on captions, not on everything (words cut by stray signs, rare scripts, odd addresses). Its tokens are therefore
named `ptb-py.1` in signatures, the program's own `ptb-3.4.1` (`metrics.java`).
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

VERSION = "ptb-py.1"

PUNCTUATION = frozenset(["''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", *".?!,:-;", "--", "..."])
"""Tokens that coco-caption drops. Its brackets are upper case, and the tokens lower: brackets stay as words."""

# Whatever some reader takes for the end of a line; each would give all later captions their predecessor's tokens
SEPARATORS = re.compile("[\n\r\v\f\u2028\u2029]")

# Words that keep their full stop: always; unless all in capitals; only with a capital in front; only before a number
ALWAYS = """adj adm adv al ala alex apr ariz assn assoc asst atty attys aug ave bhd bldg blvd brig bros calif capt cf
cie cmdr co col colo comdr conn corp cos cpl ct dak dec dept det dr drs elec ens esq est etc ext feb fla fri ft ga gen
gov govs hon inc ind insp intl invt jan jos jr jul jun kan kans ky lieut lt ltd maj mar md messrs mich minn mlle mme
mo mon mont mr mrs ms msgr mt natl neb nev nov oct okla penn pfc ph plc pres prof pvt rd rep reps rev rt sen sens sep
sept seq sfc sgt spc sq sr st ste supt sys tel tenn thu thurs tue tues univ va vs vt wed wis wisc wm wyo"""
NOT_IN_CAPITALS = "mfg mtg ppte ppty pte ptes pty ptys"
CAPITALISED = "ark az del ill la mass miss ore pa tex wash"
# Words that, capitalised, open a sentence: the full stop of a single letter in front of them is one
OPENERS = """a about according additionally after an as at but earlier he her here however if in it last many more now
once one other our she since so some such that the their then there these they this we what when while yet you"""
BEFORE_NUMBERS = "art ca fig figs no nos op pp prop"

# Marks that belong to words, and signs that are tokens of their own; what is neither, nor a letter or digit, is dropped
MARKS = (
    "\u02c2-\u02c5\u02d2-\u02df\u02e5-\u02eb\u02ed\u02ef-\u036f\u0375\u0384\u0385\u03f6\u0483-\u0487\u055a-\u055f"
    "\u058a\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0615-\u061a\u064b-\u065e\u0670\u06d6-\u06e4"
    "\u06e7-\u06ed\u06fd\u06fe\u070f\u0711\u0730-\u074c\u07a6-\u07b0\u07eb-\u07f3\u0900-\u0903\u093c\u093e-\u094e"
    "\u0951-\u0955\u0962\u0963\u0981-\u0983\u09bc\u09be-\u09c4\u09c7\u09c8\u09cb-\u09cd\u09d7\u09e2\u09e3"
    "\u0a01-\u0a03\u0a3c\u0a3e-\u0a4f\u0a81-\u0a83\u0abc\u0abe-\u0acf\u0b82\u0bbe-\u0bc2\u0bc6-\u0bc8"
    "\u0bca-\u0bcd\u0c01-\u0c03\u0c3e-\u0c56\u0d3e-\u0d44\u0d46-\u0d48\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1"
    "\u0eb4-\u0ebc\u0ec8-\u0ecd"
)
NUMERALS = (
    "\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2079\u2080-\u2089\u2150-\u218f\u2460-\u249b\u24ea-\u24ff\u2776-\u2793"
)
SIGNS = (
    "$%&+\\\\|^~=@/_\u00a1\u00a5-\u00a9\u00ac\u00ae-\u00b1\u00b4\u00b6-\u00b8\u00bf\u00d7\u00f7\u037e\u0387\u0589"
    "\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u0600-\u0603\u0606-\u060c\u0614\u061b\u061e\u061f\u066a\u066d\u06d4"
    "\u0700-\u070d\u07f6-\u07f8\u0964\u0965\u0e3f\u0e4f\u1fbd\u2016\u2017\u201a\u201e-\u2023\u2030-\u2038\u203b"
    "\u203e-\u2042\u2044\u2074-\u207e\u2080-\u208e\u20a4\u2100\u2101\u2103-\u2106\u2108\u2109\u2114\u2116-\u2118"
    "\u211e-\u2123\u2125\u2127\u2129\u212e\u213a\u213b\u2140-\u2144\u214a-\u214d\u214f\u2155-\u215e\u2190-\u2bff"
    "\u3001\u3002\u3012\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0\uffe1\uffe5\uffe6"
)


# The program drops all of these, in time that grows with the square of their number
ENDLESS = re.compile("([\U00010000-\U0010ffff]){32,}")


def clean(text: str) -> str:
    """A text as one line that can be encoded: separators of lines become blanks, half a surrogate pair `?`, and of
    emoji without end one is left."""
    return ENDLESS.sub(r"\1", SEPARATORS.sub(" ", text).encode("utf-8", "replace").decode("utf-8"))


def without_punctuation(tokens: Iterable[str]) -> str:
    """Tokens joined by single blanks, as coco-caption leaves them."""
    return " ".join(token for token in tokens if token not in PUNCTUATION)


def tokenize(text: str) -> str:
    """Tokens of one caption, lower case, without punctuation, joined by blanks; "" where nothing is left."""
    return without_punctuation(token.lower() for token in _tokens(clean(text).replace("\u00ad", "")))


def _tokens(text: str) -> Iterator[str]:
    """All tokens in order: at each place the longest that any rule finds, of equals the first rule's. What a rule must
    see behind its token (its group) counts for the length: `do` before `n't` is longer than `don`."""
    plain, space, rules = _rules()
    place = 0
    while place < len(text):
        if found := space.match(text, place):
            place = found.end()
        elif found := plain.match(text, place):  # most words by far: nothing but the word rule can match here
            yield found[0]
            place = found.end()
        else:
            matches = [(found, change) for rule, change in rules if (found := rule.match(text, place))]
            found, change = max(matches, key=lambda match: max(match[0].end(), match[0].end(match[0].lastindex or 0)))
            place = found.end()
            if change is not DROPPED:
                yield change if isinstance(change, str) else found[0].translate(change)


DROPPED = ""
QUOTES = str.maketrans("\u2019", "'")
BLANKS = str.maketrans(" ", "\u00a0")  # a token with blanks inside keeps them from splitting it
BRACKETS = str.maketrans({"(": "-LRB-", ")": "-RRB-", "[": "-LSB-", "]": "-RSB-", "{": "-LCB-", "}": "-RCB-"})
MONEY = str.maketrans({"\u00a3": "#", "\u20ac": "$", "\u00a4": "$", "\u20a0": "$", "\u0080": "$", "\u00a2": "cents"})
FRACTIONS = str.maketrans({"\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3"})


@lru_cache(maxsize=1)
def _rules() -> tuple[re.Pattern[str], re.Pattern[str], list[tuple[re.Pattern[str], str | dict]]]:
    """A plain word, white space, and the rules: pattern, and a constant or a table that its token becomes."""
    letter = f"(?:[^\\W\\d_{NUMERALS}]|[{MARKS}])"
    word = f"(?:{letter}|\\d)"
    apostrophe, no_letter = "['\u2019]", f"(?!{letter})"
    number = r"(?:\d*(?:[.,:\u066b\u066c]\d+)+|\d+)"
    acronym = r"[A-Za-z](?:\.[A-Za-z])+"
    contracted = f"{apostrophe}(?:[msd]|re|ve|ll)"
    split = [("can", "not"), ("gon", "na"), ("got", "ta"), ("lem", "me"), ("gim", "me"), ("wan", "na")]
    abbreviation = f"(?i:ph\\.d|{'|'.join(ALWAYS.split())})|{_either(CAPITALISED)}|{_mixed()}"
    named = f"[A-HJ-XZdlno]{apostrophe}{letter}{{2,}}|{letter}*[aeiouyAEIOUY]{apostrophe}[aeiouA-Z]{letter}*"
    named += (
        f"|(?i:(?:ev|nat|li|s|c|nor){apostrophe}(?:ry|l|mores|mon|easter)|(?:somethin|dunkin|ol|[dlj]){apostrophe})"
    )
    hyphenated = f"(?:{named}|{word}(?:{word}|[.,_]){{0,64}})(?:[-\u2010\u2011]{word}+(?:_{word}+)*)+"
    gap = r"[-. \xa0]"
    area = rf"(?:\(\d{{2,3}}\){gap}?|(?:\+{{0,2}}\d{{2,4}}{gap})?\d{{2,4}}{gap})"
    telephone = rf"{area}\d{{3,4}}{gap}\d{{3,5}}"
    part = "[A-Za-z0-9]+(?:-[A-Za-z][A-Za-z0-9]*)*"
    slashed = f"{part}(?:/{part}){{1,2}}"
    rules: list[tuple[str, str | dict]] = [
        (r"</?[A-Za-z][A-Za-z0-9:.-]*(?: +[^<>]*)?/?>|<[!?][A-Za-z-][^<>]*>", BLANKS),
        ("(?i:&amp;)", "&"),
        ("(?i:&lt;)", "<"),
        ("(?i:&gt;)", ">"),
        ("(?i:&(?:quot|apos|mdash|ndash|nbsp);)", DROPPED),
        (r"&#\d+;", {}),
        (r"(?i:https?)://[^\s<>\"|()]*[^\s<>\"|().,!?-]", {}),
        (r"[A-Za-z0-9][^\s<>()\[\]{}|\"]{0,64}@[^\s<>()\[\]{}|\".]+(?:\.[^\s<>()\[\]{}|\".]+)*", {}),
        (r"@[A-Za-z_][A-Za-z_0-9]*", {}),
        (f"#{letter}+", {}),
        *((f"(?i:{first}(?=({second})(?!{word})))", {}) for first, second in split),
        (f"(?i:{apostrophe}t(?=(is|was){no_letter}))", QUOTES),
        (f"(?i:{letter}+?(?=(n['\u2019`]t)))", {}),
        ("(?i:n['\u2019`]t)", QUOTES),
        (f"(?i:{letter}+(?=({contracted}){no_letter}))", {}),
        (f"(?i:{contracted}){no_letter}", QUOTES),
        (rf"(?i:{apostrophe}(?:n{apostrophe}|n{no_letter}|em{no_letter}|till?{no_letter}|cause{no_letter}))", {}),
        (rf'(?i:{apostrophe}[2-9]0s)|{apostrophe}\d\d(?!{word}|")', {}),
        (f"[yY]{apostrophe}(?=({letter}+))", QUOTES),
        (named, {}),
        (r"[A-Z]{1,3}\$", {}),
        (telephone, BLANKS | BRACKETS),
        (rf"[-+]?{number}", {}),
        (r"(?:\d+[- \xa0])?\d+/\d+", BLANKS),
        (rf"\d+/\d+(?:-{letter}+)+", {}),
        (slashed, {}),
        (rf"(?:{abbreviation})\.", {}),
        (rf"(?i:{_either(BEFORE_NUMBERS)})\.(?=\s*\d)", {}),
        (rf"{acronym}\.?|[A-Za-z]\.(?!\s+(?=[A-Z])(?i:{'|'.join(OPENERS.split())})(?:\s|$))", {}),
        (rf"{word}(?:{word}|-)*\.(?=([,;:]))", {}),
        (r"[CcFf]#|[Cc]\+\+", {}),
        (rf"(?:{word}+-)+{acronym}\.", {}),
        (rf"{letter}{word}*(?:[.!?]{letter}{word}*)+", {}),
        (hyphenated, {}),
        (f"{word}+(?:_{word}+)*", {}),
        (r"[A-Z]+&[A-Z]+", {}),
        (
            r"[<>]?[:;=](?:-|'|o)?[()DdPp\\|\[\]{{@3](?!{word})|8-?D".replace("{word}", word).replace("{{", "{"),
            BRACKETS,
        ),
        (r"\^_\^|-_-|>_<|T_T|o_O|O_o", {}),
        (r"-{2,4}", "--"),
        (r"[?!]+|-{5,}|\*+|<+|>+|`+|_+|@{2,}|#+|[\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089]+", {}),
        (r"[()\[\]{}]", BRACKETS),
        ("[" + "".join(map(chr, MONEY)) + "]", MONEY),
        ("[" + "".join(map(chr, FRACTIONS)) + "]", FRACTIONS),
        (f"[{SIGNS}]", {}),
        (".", DROPPED),
    ]
    special = "cannot|gonna|gotta|lemme|gimme|wanna"
    plain = f"(?!(?i:{special})\\b)[A-Za-z]{{2,}}(?=[ ;]|, |,?$)"
    return (
        re.compile(plain),
        re.compile(r"[\s\u00a0]+"),
        [(re.compile(rule, re.DOTALL), change) for rule, change in rules],
    )


def _either(words: str) -> str:
    """Words as an alternative, with a capital or in capitals."""
    return "|".join(f"{word.title()}|{word.upper()}" for word in words.split())


def _mixed() -> str:
    """Abbreviations that are none when all in capitals."""
    return "|".join(f"{word}|{word.title()}" for word in NOT_IN_CAPITALS.split())
