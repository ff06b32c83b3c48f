"""PTB tokens: the port equals the program, alone on recorded captions, beside it on made ones."""

import json
import time
from pathlib import Path

import pytest
from captions import captions

from metrics import java as programs
from metrics import ptb

RECORDED = [json.loads(line) for line in (Path(__file__).parent / "data/ptb.jsonl").read_text("utf-8").splitlines()]
ORACLE = [json.loads(line) for line in (Path(__file__).parent / "data/caption.jsonl").read_text("utf-8").splitlines()]


def test_the_port_equals_what_the_program_said() -> None:
    """But for the three captions whose difference is recorded too."""
    assert len(RECORDED) > 400 and sum("port" in row for row in RECORDED) == 3
    for row in RECORDED:
        assert ptb.tokenize(row["caption"]) == row.get("port", row["tokens"]), row["caption"]


@pytest.mark.usefixtures("java")
def test_the_recorded_tokens_are_the_programs() -> None:
    assert programs.tokenizer()([row["caption"] for row in RECORDED]) == [row["tokens"] for row in RECORDED]


@pytest.mark.usefixtures("java")
def test_the_port_equals_the_program_on_captions() -> None:
    ours = [text for row in ORACLE for text in (row["prediction"], *row["references"])]
    assert programs.tokenizer()(ours) == [ptb.tokenize(text) for text in ours]
    made = captions(4000, seed=1)
    different = [
        (text, java, port)
        for text, java, port in zip(made, programs.tokenizer()(made), map(ptb.tokenize, made), strict=True)
        if java != port
    ]
    assert len(different) <= 8, different[:5]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A dog isn't barking.", "a dog is n't barking"),
        ("gonna [x] (y) — £5 ½ 😀!!!", "gon na -lsb- x -rsb- -lrb- y -rrb- # 5 1/2 !!!"),
        ("<|x|>", "< | x | >"),
        ("", ""),
        (" . ", ""),
        ("\0", ""),
        ("\ud83d", ""),
        ("😀" * 100_000, ""),
        ("one\rtwo\u2028three\vfour\nfive", "one two three four five"),
    ],
)
def test_tokens(text: str, tokens: str) -> None:
    assert ptb.tokenize(text) == tokens


@pytest.mark.usefixtures("java")
def test_what_ends_a_line_shifts_nothing() -> None:
    """The wrapper of coco-caption would give the second caption the tail of the first."""
    texts = [
        "a\rdog\u2028barks\u2029and\vruns\fnow\r\nhere",
        "the cat",
        "",
        "\0",
        " ",
        "named b.",
        "The end",
        "\ud83d",
        "<a",
        "b>",
    ]
    found = programs.tokenizer()(texts)
    assert found == [ptb.tokenize(text) for text in texts]
    assert found[:2] == ["a dog barks and runs now here", "the cat"]
    assert found[5] == "named b.", "a caption's tokens do not depend on the caption after it"


@pytest.mark.parametrize("text", ["a,", "a.b!", "'", "a", "<a ", "1,", "a'b", "a@", "a-", "n't", "a_", "a. "])
def test_long_texts_take_no_square_of_time(text: str) -> None:
    started = time.perf_counter()
    ptb.tokenize(text * (30_000 // len(text)))
    assert time.perf_counter() - started < 4  # 0.4 s and less where this was written
