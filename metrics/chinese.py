"""Written numbers in Mandarin text as they are read aloud, after the speechio text normaliser.

The rules, their order and their oddities are those of `cn_tn` (https://github.com/speechio/chinese_text_normalization,
every option off), which the Qwen2-Audio evaluation used, so that published numbers can be reproduced. Two oddities
explain most surprises: a rule finds all its matches first and then replaces the *first* occurrence of each matched
text, and digits are Unicode digits although only the ASCII zero is dropped as a leading zero.

    2023年5月1日 -> 二零二三年五月一日      20块5毛 -> 二十块五毛           13812345678 -> 一三八一二三四五六七八
    1/3 -> 三分之一                        3.5% -> 百分之三点五             200个 -> 两百个
    3500公里 -> 三五零零公里                403 -> 四百零三                  B2C stays B2C
"""

import re
import string
from collections.abc import Callable

DIGITS = "零一二三四五六七八九"
UNITS = {1: "十", 2: "百", 3: "千", 4: "万", 8: "亿", 12: "兆", 16: "京", 20: "垓", 24: "秭", 28: "穰", 32: "沟"}
UNITS |= {36: "涧", 40: "正", 44: "载"}

# Measure words that turn a number of any length into a cardinal.
MEASURES = (
    "匹张座回场尾条个首阙阵网炮顶丘棵只支袭辆挑担颗壳窠曲墙群腔砣客贯扎捆刀令打手罗坡山岭江溪钟队单双对出口头脚板跳枝件贴"
    "针线管名位身堂课本页家户层丝毫厘分钱两斤铢石钧锱忽寸尺丈里寻常铺程撮勺合升斗盘碗碟叠桶笼盆盒杯斛锅簋篮罐瓶壶卮盏箩箱"
    "煲啖袋钵年月日季刻时周天秒旬纪岁世更夜春夏秋冬代伏辈丸泡粒幢堆根道面片块"
)
_MONEY_UNIT = "(?:千万|百万|[亿万千百元块角毛分])"
_NUMBER = r"\d+(?:\.\d+)?"

# A digit run is only ever matched from its first digit, which the look-behinds say outright: without them a long run
# that ends in no unit would be tried again from each of its digits.
_YEAR = r"(?:[089]\d|(?:19|20)\d{2})年"
_MONTH = r"\d{1,2}月(?:\d{1,2}[日号])?"
_DATE = re.compile(rf"\D({_YEAR}(?:{_MONTH})?|{_MONTH})")
_MONEY = re.compile(rf"\D({_NUMBER}[多余几]?{_MONEY_UNIT}(?:\d{_MONEY_UNIT}?)?)")
_MOBILE = re.compile(r"\D((?:\+?86 ?)?1(?:[38]\d|5[0-35-9]|7[678]|9[89])\d{8})\D")
_LANDLINE = re.compile(r"\D((?:0(?:10|2[1-3]|[3-9]\d{2})-?)?[1-9]\d{6,7})\D")
_FRACTION = re.compile(r"((?<!\d)\d+/\d+)")
_PERCENTAGE = re.compile(rf"((?<!\d){_NUMBER}%)")
_QUANTITY = re.compile(rf"((?<!\d){_NUMBER})(?=[多余几]?(?:[{MEASURES}]|[千毫微]克|[千分厘毫微]米))")
_LONG_NUMBER = re.compile(r"(\d{4,32})")
_ANY_NUMBER = re.compile(rf"({_NUMBER})")
_LETTER_TWO_LETTER = re.compile(r"((?<![a-zA-Z])[a-zA-Z]+二[a-zA-Z]+)")

_CHINESE_PUNCTUATION = (
    "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃《》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟"
    "〰〾〿–—‘’‛“”„‟…‧﹏·〈〉"
)
_BLANKED = str.maketrans(dict.fromkeys(_CHINESE_PUNCTUATION + string.punctuation, " "))
# A two is 两 before hundred and above, unless a digit or 十 stands before it (两百二十, 十二万, 两万两千).
_TWO_BEFORE_UNIT = re.compile(rf"(?<![{DIGITS}十])二(?=[{''.join(UNITS.values()).replace('十', '')}])")


def spoken_chinese(text: str) -> str:
    """Mandarin text with numbers spelt out and ASCII and Chinese punctuation turned into blanks; case is kept."""
    text = f"^{text}$"  # the rules below want a non-digit on both sides
    text = _rewrite(text, _DATE, _date)
    text = _rewrite(text, _MONEY, _money)
    text = _rewrite(text, _MOBILE, _digits)
    text = _rewrite(text, _LANDLINE, _digits)
    text = _rewrite(text, _FRACTION, _fraction)
    text = _rewrite(text.replace("％", "%"), _PERCENTAGE, lambda found: "百分之" + _cardinal(found.rstrip("%")))
    text = _rewrite(text, _QUANTITY, _cardinal)
    text = _rewrite(text, _LONG_NUMBER, _digits)
    text = _rewrite(text, _ANY_NUMBER, _cardinal)
    text = _rewrite(text, _LETTER_TWO_LETTER, lambda found: found.replace("二", "2"))  # B2C, O2O
    return text.lstrip("^").rstrip("$").translate(_BLANKED)


def _rewrite(text: str, pattern: re.Pattern[str], spoken: Callable[[str], str]) -> str:
    """Replace, for each match in turn, the first occurrence of the matched text, wherever in the text that is.

    The occurrences are those of the text as it was that no replacement has touched. None comes anew: what is replaced
    is words by then, and parts what stands beside it (but for a silent `00` out of the middle of a number, which is not
    looked after). So a search goes on where the last one for the same text ended, and all of them where something is
    left to find.
    """
    matches = pattern.findall(text)
    if not matches:
        return text
    beginnings = {found[0] for found in matches}
    pieces, changed, start = list(text), bytearray(len(text)), 0
    places: dict[str, int] = {}
    for found in matches:
        while start < len(text) and (changed[start] or text[start] not in beginnings):
            start += 1
        place = text.find(found, max(start, places.get(found, 0)))
        while place >= 0 and (last := changed.rfind(1, place, place + len(found))) >= 0:
            place = text.find(found, last + 1)
        if place < 0:
            continue
        said = spoken(found)
        signs = list(said) if len(said) == len(found) else [said] + [""] * (len(found) - 1)
        end, places[found] = place + len(found), place + 1
        pieces[place:end] = signs
        changed[place:end] = bytes(map(str.__ne__, found, signs))
    return "".join(pieces)


def _digits(number: str) -> str:
    """Read digit by digit; `+`, `-` and blanks of a telephone number are silent."""
    return "".join(DIGITS[int(sign)] for sign in number if sign.isdecimal())


def _cardinal(number: str) -> str:
    """Read a decimal number: 120 -> 一百二十, 0.5 -> 零点五, 15 -> 十五; a run of several zeros is silent."""
    whole, _, decimals = number.partition(".")
    spoken = _whole(whole) if len(whole) > 1 else _digits(whole)
    spoken = _TWO_BEFORE_UNIT.sub("两", spoken)
    if decimals:
        spoken += "点" + _digits(decimals)
    if spoken.startswith("点"):
        return "零" + spoken
    return spoken[1:] if spoken.startswith("一十") else spoken


def _whole(number: str) -> str:
    """Digits with their units; zeros before the first other digit are one 零, trailing zeros are silent."""
    digits = number.lstrip("0")
    parts = []
    while len(digits) > 1:
        power = max(power for power in UNITS if power < len(digits))
        parts.append(UNITS[power] + _whole(digits[-power:]))
        digits = digits[:-power]
    if digits:
        parts.append(("零" if number.startswith("0") else "") + DIGITS[int(digits)])
    return "".join(reversed(parts))


def _date(date: str) -> str:
    """2023年5月1日 -> 二零二三年五月一日: the year digit by digit, month and day as cardinals."""
    year, mark, rest = date.rpartition("年")
    return _digits(year) + mark + _ANY_NUMBER.sub(lambda found: _cardinal(found[0]), rest)


def _money(amount: str) -> str:
    """20块5毛 -> 二十块五毛; each number is replaced wherever its digits stand in the amount."""
    for number in re.findall(_NUMBER, amount):
        amount = amount.replace(number, _cardinal(number))
    return amount


def _fraction(fraction: str) -> str:
    numerator, denominator = fraction.split("/")
    return f"{_cardinal(denominator)}分之{_cardinal(numerator)}"
