"""The normalisers of one language and `default`: each step, each quirk of the published ones that they do not keep."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.languages import chinese_numbers, folded, japanese_numbers
from metrics.normalizers import NORMALIZERS, get_normalizer
from metrics.score import MetricSpec, ScoringSpec, score


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<|zh|>他２０２３年花了１,０００元（笑），佔½。", "他二零二三年花了一千元占二分之一"),
        ("計程車", "计程车"),
        ("我 用 Open AI 的", "我用open ai的"),
        ("看《红楼梦》！[noise]", "看红楼梦"),
        ("^a$", "a"),
        # What the published rules make wrong of: thousands, dates, fractions, full-width digits, 4-digit quantities
        ("1,000", "一千"),
        ("1,000.50", "一千点五零"),
        ("1,234,567", "一百二十三万四千五百六十七"),
        ("2023/5/1", "二零二三年五月一日"),
        ("2023-05-01", "二零二三年五月一日"),
        ("½", "二分之一"),
        ("3½个", "三又二分之一个"),
        ("２０", "二十"),
        ("１２３４５", "一万二千三百四十五"),
        ("1000", "一千"),
        ("3500公里", "三千五百公里"),
        ("007", "零零七"),
        # What they make right of
        ("35岁", "三十五岁"),
        ("3.5%", "百分之三点五"),
        ("1,000%", "百分之一千"),
        ("62％", "百分之六十二"),
        ("5‰", "千分之五"),
        ("1/3", "三分之一"),
        ("200个", "二百个"),
        ("两百个", "二百个"),
        ("2个", "二个"),
        ("403", "四百零三"),
        ("10000个", "一万个"),
        ("10000000元", "一千万元"),
        ("20块5毛", "二十块五毛"),
        ("2023年5月1日", "二零二三年五月一日"),
        ("二〇二三年", "二零二三年"),
        ("98年10月", "九八年十月"),
        ("90年代", "九十年代"),
        ("30年", "三十年"),
        ("5000年", "五千年"),
        ("1998", "一九九八"),
        ("1998个", "一千九百九十八个"),
        ("13812345678", "一三八一二三四五六七八"),
        ("幺三八", "一三八"),
        ("010-88888888", "零一零八八八八八八八八"),
        ("8:30", "八点三十分"),
        ("8:05:06", "八点零五分六秒"),
        ("8:00", "八点"),
        ("3:2", "三比二"),
        ("$1,000", "一千美元"),
        ("￥3.5", "三点五元"),
        ("$1.5万", "一点五万美元"),
        ("-5℃", "负五摄氏度"),
        ("3～5个", "三到五个"),
    ],
)
def test_mandarin(text: str, expected: str) -> None:
    assert get_normalizer("zh_tn").normalize(text, "zh") == expected
    assert get_normalizer("zh_tn").normalize(expected, "zh") == expected
    assert get_normalizer("default").normalize(text, "zh-CN") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("計程車（笑）", "计程车"),
        ("計程車(笑)", "计程车"),
        ("佢哋喺度 35", "佢哋喺度三十五"),
        ("三十五", "三十五"),
        ("＄５０", "五十元"),
    ],
)
def test_cantonese(text: str, expected: str) -> None:
    assert get_normalizer("yue").normalize(text, "yue") == expected
    assert get_normalizer("default").normalize(text, "yue-HK") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("「１,２００円」です（笑）。", "千二百円です"),
        ("ﾊﾟﾝ１０個", "パン十個"),
        ("コーヒー、今日 は！", "コーヒー今日は"),
        ("3.5%", "三点五パーセント"),
        ("2023年", "二千二十三年"),
        ("二〇二三年", "二千二十三年"),
        ("一九〇〇年", "千九百年"),
        ("2023/5/1", "二千二十三年五月一日"),
        ("一千円", "千円"),
        ("3万5千", "三万五千"),
        ("1/3", "三分の一"),
        ("1½", "一と二分の一"),
        ("$5", "五ドル"),
        ("-5℃", "マイナス五度"),
        ("0120", "零一二零"),
        ("9" * 17, "九" * 17),
    ],
)
def test_japanese(text: str, expected: str) -> None:
    assert get_normalizer("ja").normalize(text, "ja") == expected
    assert get_normalizer("default").normalize(text, "ja") == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "I don’t; <|en|>it’s twenty-five dollars", "i do not it is $25"),
        ("en", "ＯＫ（laughs）", "ok"),
        ("fr", "L’été （rire） café", "l été café"),
        (None, "A, b", "a b"),
        ("th", "ก ข", "ก ข"),
    ],
)
def test_default_folds_and_goes_by_language(language: str | None, text: str, expected: str) -> None:
    assert get_normalizer("default").normalize(text, language) == expected


def test_the_signature_names_what_default_was() -> None:
    spec = ScoringSpec({"wer": MetricSpec("wer", "default")}, "wer")
    rows = [
        {"id": str(n), "raw": "a", "references": ["a"], "fields": {"language": language}}
        for n, language in enumerate(["en", "zh-CN", "de", None])
    ]
    assert "|norm:default.1(basic.1+whisper_en.1+zh_tn.1)|lang:de+en+zh-CN|" in score(rows, spec)[0].signature
    assert "|norm:default.1(whisper_en.1)|lang:en|" in score(rows[:1], spec)[0].signature
    assert "|norm:default.1(yue.1)|" in score([], ScoringSpec(spec.metrics, "wer", "yue"))[0].signature


def test_two_names_of_one_normaliser_have_one_signature() -> None:
    assert str(get_normalizer("whisper_basic")) == str(get_normalizer("basic")) == "basic.1"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**18))
def test_every_integer_is_read(number: int) -> None:
    assert not set(chinese_numbers(f"共{number}个") + japanese_numbers(f"{number}個")) & set("0123456789")


@settings(max_examples=60, deadline=None)
@given(st.text(), st.sampled_from(sorted(NORMALIZERS)), st.sampled_from(["zh", "yue", "ja", "th"]))
def test_any_text_in_any_language(text: str, name: str, language: str) -> None:
    if name != "whisper_en":
        assert isinstance(get_normalizer(name).normalize(text, language), str)
    assert isinstance(folded(text), str)


@pytest.mark.parametrize(
    "piece", ["1,", "1/", "1:", "1.", "$", "-1", "〇", "一", "幺", "1 ", "12年", "(", "<", "½", "两百"]
)
def test_long_answers_take_no_more_than_a_moment(piece: str) -> None:
    for name in ("zh_tn", "ja"):
        assert isinstance(get_normalizer(name).normalize(piece * (100_000 // len(piece))), str)
