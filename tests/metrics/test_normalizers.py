"""Normalisers: what each makes of a text, and what it refuses."""

import random
import re
import time
from collections.abc import Callable

import pytest

from metrics import chinese
from metrics.base import MetricError
from metrics.chinese import spoken_chinese
from metrics.normalizers import NORMALIZERS, get_normalizer


@pytest.mark.parametrize(
    ("name", "language", "text", "expected"),
    [
        ("none", None, " As It is!\0", " As It is!\0"),
        ("no_tags", "de", '<|de|>Das  ist <|itn|>"gut" .<|endoftext|>', 'Das ist "gut" .'),
        ("no_tags", None, "an <| unclosed tag", "an <| unclosed tag"),
        ("basic", None, "Crème brûlée (dessert) [noise], œuf!", "crème brûlée œuf"),
        ("basic", "ar", "مرحبا، كيف؟", "مرحبا كيف"),
        ("whisper_en", "en-GB", "Mr. Brown's colour, um, costs twenty-five dollars", "mister brown is color costs $25"),
        ("whisper_en", None, "don't", "do not"),
        ("qwen_audio", "en", "<|en|>He  said , \"Yes\" .<|endoftext|>", 'he said, "yes". '),
        ("qwen_audio", "en", "an <| unclosed tag", "an <| unclosed tag"),
        ("qwen_audio", "en", "<|a<|b|>c|>", "c|>"),
        ("qwen_audio", "zh", "<|zh|>你 好　吗 ABC", "你好吗abc"),
        ("qwen_audio", "fr", "Straße , ÇA", "straße, ça"),
        ("qwen2_audio", "en", "It costs $20.50 (or 5%)", "it costs 20 50"),
        ("qwen2_audio", "en", "I don’t", "i don t"),
        ("qwen2_audio", "fr", "C'est l'été – café", "c est l été café"),
        ("qwen2_audio", "yue", "計程車 35", "计程车 35"),
        ("qwen2_audio", "zh", "他今年18，她今年20。", "他今年十八 她今年二十"),
    ],
)  # fmt: skip
def test_examples(name: str, language: str | None, text: str, expected: str) -> None:
    assert get_normalizer(name).normalize(text, language) == expected


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("35岁", "三十五岁"),
        ("3.5%", "百分之三点五"),
        ("62％", "百分之六十二"),
        ("0.5%", "百分之零点五"),
        ("1/3", "三分之一"),
        ("200个", "两百个"),
        ("2个", "二个"),
        ("12万", "十二万"),
        ("22000个", "两万两千个"),
        ("2002个", "两千零二个"),
        ("120000个", "十二万个"),
        ("100000001个", "一亿零一个"),
        ("403", "四百零三"),
        ("503室", "五百零三室"),
        ("1000", "一零零零"),
        ("3500公里", "三五零零公里"),
        ("10000个", "一万个"),
        ("1000000元", "一百万元"),
        ("20块5毛", "二十块五毛"),
        ("30多岁", "三十多岁"),
        ("2023年5月1日", "二零二三年五月一日"),
        ("98年的10月", "九八年的十月"),
        ("12月25号", "十二月二十五号"),
        ("13812345678", "一三八一二三四五六七八"),
        ("+86 13812345678", "八六一三八一二三四五六七八"),
        ("010-88888888", "零一零八八八八八八八八"),
        ("0595-23865596", "零五九五二三八六五五九六"),
        ("31520181154418", "三一五二零一八一一五四四一八"),
        ("2983.07克", "二九八三 零七克"),
        ("12345.60米", "一二三四五 六十米"),
        ("1,000", "一 "),
        ("2023/5/1", "五分之两千零二十三 一"),
        ("007", "零七"),
        ("２０", "二十零"),
        ("１２３４５", "一二三四五"),
        ("½", "½"),
        ("^a$", "a"),
        ("B2C和O2O", "B2C和O2O"),
        ("看《红楼梦》！", "看 红楼梦  "),
        ("", ""),
    ],
)
def test_chinese_numbers_are_read_aloud(text: str, spoken: str) -> None:
    assert spoken_chinese(text) == spoken


def test_unknown_names_give_the_nearest() -> None:
    with pytest.raises(MetricError, match=r"no normalizer named 'whisper-en'; did you mean 'whisper_en'\?"):
        get_normalizer("whisper-en")


def test_languages_are_refused_with_the_cure() -> None:
    with pytest.raises(
        MetricError, match=r"'whisper_en' is for English, but the language is 'fr'; use normalizer 'basic'"
    ):
        get_normalizer("whisper_en").normalize("bonjour", "fr")
    with pytest.raises(MetricError, match=r"'qwen2_audio' works by language.*--language"):
        get_normalizer("qwen2_audio").normalize("hello", None)


@pytest.mark.parametrize("name", sorted(NORMALIZERS))
@pytest.mark.parametrize(
    "text", ["", "\0\0", "😀 🎉", "שלום עולם", "<|<|" * 20000, "<(" * 50000, "9" * 100_000, " \t\n" * 999]
)
def test_nothing_a_model_may_say_stops_it(name: str, text: str) -> None:
    for language in ["en"] if name == "whisper_en" else ["en", "zh", "yue", "th"]:
        assert isinstance(get_normalizer(name).normalize(text, language), str)


def test_versions_stand_in_the_name() -> None:
    assert [str(normalizer) for normalizer in NORMALIZERS.values()] == [
        "none.1", "no_tags.1", "basic.1", "whisper_en.1", "zh_tn.1", "yue.1", "ja.1", "default.1", "qwen_audio.1",
        "qwen2_audio.1", "basic.1",
    ]  # fmt: skip


def _one_after_the_other(text: str, pattern: re.Pattern[str], spoken: Callable[[str], str]) -> str:
    for found in pattern.findall(text):
        text = text.replace(found, spoken(found), 1)
    return text


@pytest.mark.parametrize("signs", ["0123456789年月日块毛元个%/. 二ab", "12/% 个", "a二Bb", "1200块角个.", "+86 13-5"])
def test_chinese_rules_replace_first_occurrences(signs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(8)
    texts = ["".join(rng.choices(signs, k=rng.randint(1, 30))).replace("00", "0") for _ in range(1000)]
    fast = [spoken_chinese(text) for text in texts]
    monkeypatch.setattr(chinese, "_rewrite", _one_after_the_other)
    assert fast == [spoken_chinese(text) for text in texts]


@pytest.mark.parametrize(
    "part", ["1/", "5%", "3.5%,", "5月1日", "5块5毛，", "13812345678 ", "010-1234567 ", "12", "1 ", "a二", "00个"]
)
def test_a_long_chinese_answer_of_numbers_is_read_in_a_moment(part: str) -> None:
    started = time.perf_counter()
    get_normalizer("qwen2_audio").normalize(part * (100_000 // len(part)), "zh")
    assert time.perf_counter() - started < 4  # a third of a second where this was written; 14 one after the other
