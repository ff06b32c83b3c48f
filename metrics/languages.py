"""Texts of one language as their words are said: Mandarin, Cantonese, Japanese, and what every language has in common.

Unlike `metrics.chinese`, which repeats published rules with their oddities, these are to be right. Numbers become words
because a reference of speech holds words; both sides pass, so a rule costs nothing where both wrote the same. cn2an
(Mandarin cardinals), zhconv (simplified characters) and kanjize (Japanese cardinals) do the tables.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

from metrics.chinese import DIGITS, MEASURES

_TAG = re.compile(r"<\|.*?\|>")
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘‛ʼ＇´", "'"))
_VULGAR_FRACTION = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f]")
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3040-\u30ff\u31f0-\u31ff"
_LONGEST_CARDINAL = 16  # digits; cn2an reads no more

# A number is matched from its first digit only: a long run of digits is then looked at once.
_FIRST = r"(?<![\d.])"
_UNIT = rf"[{MEASURES}百千万亿多余几来元圆角人名位种次米克吨升度摄岁倍公厘毫美欧英港]"
_THOUSANDS = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])")
_NUMBER = r"\d+(?:\.\d+)?"
_DATE = re.compile(r"(?<![\d./-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\d./-])")
_YEAR = re.compile(r"(?<![\d.])(?:[12]\d{3}|\d{2}(?=年\d{1,2}月)|[09]\d(?=年(?![代前后後来來间間里內内])))(?=年)")
_TIME = re.compile(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])")
_RATIO = re.compile(rf"{_FIRST}(\d+):(?=\d)")
_PERCENT = re.compile(rf"{_FIRST}({_NUMBER})([%‰])")
_MIXED_NUMBER = re.compile(r"(?<!\d)(\d+) (?=\d+/\d)")
_FRACTION = re.compile(r"(?<![\d./])(\d+)/(\d+)(?![\d/])")
_MONEY = re.compile(rf"([¥$€£])\s?({_NUMBER})([百千万亿億]*)")
_MINUS = re.compile(r"(?<![\w)])-(?=\d)")
_RANGE = re.compile(r"(?<=\d)\s?~\s?(?=\d)")
_LONE_YEAR = re.compile(rf"{_FIRST}(?:1[89]|20)(?!00)\d\d(?!\.?\d|{_UNIT})")
_DIGIT_RUN = re.compile(rf"{_FIRST}(?:0\d+|\d{{7,}})(?!\.?\d|{_UNIT})")
_ANY_NUMBER = re.compile(rf"(?<!\d)({_NUMBER})")
_ONE_FORM = str.maketrans("〇两兩", "零二二")
_KANJI_DIGITS = "〇一二三四五六七八九"
_ONE_AS_YAO = re.compile(rf"(?<=[{DIGITS}])幺|幺(?=[{DIGITS}幺])")


def folded(text: str) -> str:
    """What comes before every language's own rules: model tags blank, apostrophes straight, and NFKC, by which
    full-width signs become half-width ones.

    `<|en|>I don’t` -> ` I don't`; `ＡＢＣ（１２％）` -> `ABC(12%)`; `㎏` -> `kg`; `1½` -> `1 1/2`
    """
    text = _VULGAR_FRACTION.sub(" ", without_tags(text).translate(_APOSTROPHES))
    text = unicodedata.normalize("NFKC", text).replace("\u2044", "/")
    return _VARIATION_SELECTORS.sub("", text)


def without_tags(text: str) -> str:
    """Each shortest `<|...|>` a blank."""
    head, end, tail = text.rpartition("|>")  # no tag can begin after the last end: keeps `<|<|<|...` linear
    return _TAG.sub(" ", head + end) + tail


def mandarin(text: str) -> str:
    """Mandarin speech as simplified characters, numbers in words, without punctuation; in this order:

    1. `folded`:                     `<|zh|>ＡＢ，１２` -> `AB,12`
    2. simplified characters (script only, no vocabulary): `計程車` -> `计程车`
    3. numbers in words (`chinese_numbers`): `1,000元` -> `一千元`, `½` -> `二分之一`
    4. lower case, punctuation and symbols out: `看《红楼梦》！` -> `看红楼梦`
    5. blanks only between words of letters: `我 用 Open AI 的` -> `我用open ai的`

    Bracketed remarks stay here; the normaliser takes them out before.
    """
    return _tidy(chinese_numbers(_simplified(text), dollar="美元"), _HAN)


def cantonese(text: str) -> str:
    """As `mandarin`, with `$5` read as five yuan, as in Hong Kong: `計程車$５０（笑）` -> `计程车五十元`.

    Cantonese characters without a simplified form stay: `佢哋喺度` -> `佢哋喺度`.
    """
    return _tidy(chinese_numbers(_simplified(text), dollar="元"), _HAN)


def japanese(text: str) -> str:
    """Japanese speech with numbers in kanji, without punctuation; in this order:

    1. `folded`:                             `ﾊﾟﾝ１０個` -> `パン10個`
    2. numbers in kanji (`japanese_numbers`): `1,200円` -> `千二百円`, `3.5%` -> `三点五パーセント`
    3. lower case, punctuation and symbols out, the long-vowel mark stays: `「コーヒー」、` -> `コーヒー`
    4. blanks only between words of letters: `今日 は` -> `今日は`
    """
    return _tidy(japanese_numbers(text), _HAN + _KANA)


def chinese_numbers(text: str, dollar: str = "美元") -> str:
    """Numbers as they are read in Chinese; 两 becomes 二 and 〇 零 everywhere, since `2个` does not say which is read.

    Thousands `1,000` -> 一千; dates `2023/5/1`, `2023-05-01` -> 二零二三年五月一日; years `98年10月` -> 九八年十月, but
    `30年` -> 三十年; times `8:05` -> 八点零五分; ratios `3:2` -> 三比二; `62%` -> 百分之六十二; `1/3` -> 三分之一,
    `1½` -> 一又二分之一; money `$5` -> 五美元, `¥3.5` -> 三点五元; `-5℃` -> 负五摄氏度; `3~5` -> 三到五; digits one
    by one where a number begins with 0, is a year (`1998`, not `2000`), or has seven and more without a measure word
    after (`13812345678` -> 一三八一二三四五六七八); all others as cardinals, `3500公里` -> 三千五百公里.
    """
    text = _THOUSANDS.sub(_thousands, text)
    text = _DATE.sub(lambda found: f"{_spell(found[1])}年{_say(found[3])}月{_say(found[4])}日", text)
    text = _YEAR.sub(lambda found: _spell(found[0]), text)
    text = _TIME.sub(_time, text)
    text = _RATIO.sub(r"\1比", text)
    text = _PERCENT.sub(lambda found: ("百分之" if found[2] == "%" else "千分之") + _say(found[1]), text)
    text = _MIXED_NUMBER.sub(lambda found: _say(found[1]) + "又", text)
    text = _FRACTION.sub(lambda found: f"{_say(found[2])}分之{_say(found[1])}", text)
    units = {"¥": "元", "$": dollar, "€": "欧元", "£": "英镑"}
    text = _MONEY.sub(lambda found: _say(found[2]) + found[3] + units[found[1]], text)
    text = _RANGE.sub("到", _MINUS.sub("负", text.replace("°C", "摄氏度")))
    text = _DIGIT_RUN.sub(lambda found: _spell(found[0]), _LONE_YEAR.sub(lambda found: _spell(found[0]), text))
    text = _ANY_NUMBER.sub(lambda found: _say(found[0]), text)
    return _ONE_AS_YAO.sub("一", text.translate(_ONE_FORM))


def japanese_numbers(text: str) -> str:
    """Numbers in kanji: `1,200` -> 千二百, `2023年` and `二〇二三年` -> 二千二十三年, `3.5%` -> 三点五パーセント,
    `1/3` -> 三分の一, `$5` -> 五ドル; digits one by one where a number begins with 0 or has more than 16;
    一千 as 千."""
    text = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    text = re.sub(r"[〇一二三四五六七八九]{2,}", _flat_kanji, text)
    text = _DATE.sub(lambda found: f"{found[1]}年{int(found[3])}月{int(found[4])}日", text)
    text = _FRACTION.sub(r"\2分の\1", _MIXED_NUMBER.sub(r"\1と", text))
    units = {"¥": "円", "$": "ドル", "€": "ユーロ", "£": "ポンド"}
    text = _MONEY.sub(lambda found: found[2] + found[3] + units[found[1]], text)
    text = _MINUS.sub("マイナス", text.replace("°C", "度").replace("%", "パーセント"))
    text = _ANY_NUMBER.sub(lambda found: _kanji(found[0]), text)
    return re.sub(r"(?<![一二三四五六七八九十])一(?=[百千])", "", text).replace("〇", "零")


def _simplified(text: str) -> str:
    return str(_zhconv()(text, "zh-hans"))


def _tidy(text: str, script: str) -> str:
    """Lower case; marks stay, signs of punctuation and symbols become blanks, and blanks beside the script go."""
    text = "".join(" " if unicodedata.category(sign)[0] in "PSC" else sign for sign in text.lower())
    text = " ".join(text.split())
    return re.sub(rf"(?<=[{script}]) | (?=[{script}])", "", text)


def _thousands(found: re.Match[str]) -> str:
    """1,000 -> 一千; before a percent sign or after one of money, 1000: their rules go on."""
    number = found[0].replace(",", "")
    beside = found.string[max(found.start() - 1, 0) : found.start()] + found.string[found.end() : found.end() + 1]
    return number if set(beside) & set("%‰¥$€£") else _say(number)


def _time(found: re.Match[str]) -> str:
    """8:00 -> 八点, 8:05 -> 八点零五分, 8:30:15 -> 八点三十分十五秒."""
    hour, minute, second = found.groups()
    said = _say(str(int(hour))) + "点"
    if minute != "00" or second:
        said += ("零" if minute.startswith("0") and minute != "00" else "") + _say(str(int(minute))) + "分"
    return said + (_say(str(int(second))) + "秒" if second else "")


def _spell(digits: str) -> str:
    """Digits one by one; Unicode digits of any script count."""
    return "".join(DIGITS[int(sign)] for sign in digits)


def _say(number: str) -> str:
    """A cardinal with its decimals: 105 -> 一百零五, 0.50 -> 零点五零; longer than cn2an reads, digit by digit."""
    whole, _, decimals = number.partition(".")
    said = _cardinal()(f"{int(whole)}", "low") if len(whole) <= _LONGEST_CARDINAL else _spell(whole)
    return str(said) + ("点" + _spell(decimals) if decimals else "")


def _kanji(number: str) -> str:
    whole, _, decimals = number.partition(".")
    one_by_one = len(whole) > _LONGEST_CARDINAL or (len(whole) > 1 and whole.startswith("0"))
    said = "".join(map(_kanji_cardinal(), map(int, whole))) if one_by_one else _kanji_cardinal()(int(whole))
    return said + ("点" + "".join(map(_kanji_cardinal(), map(int, decimals))) if decimals else "")


def _flat_kanji(found: re.Match[str]) -> str:
    """A run of kanji digits with 〇 in it, as digits."""
    return "".join(str(_KANJI_DIGITS.index(sign)) for sign in found[0]) if "〇" in found[0] else found[0]


@cache
def _zhconv() -> Callable[[str, str], Any]:
    import zhconv

    return zhconv.convert


@cache
def _cardinal() -> Callable[[str, str], Any]:
    from cn2an import an2cn

    return an2cn


@cache
def _kanji_cardinal() -> Callable[[int], str]:
    from kanjize import number2kanji

    return number2kanji
