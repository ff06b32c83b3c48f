"""The native model gives what the original gave: encoder rows, logits, greedy tokens, chats and stop words, alone and in
any batch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from parity import VARIANTS, arrays, cases, recorded, samples

from evaluate.config import ModelConfig
from evaluate.models.qwen_audio.chat import TAIL, encode_context, head_text
from evaluate.models.qwen_audio.decoding import Decoding, Stream, generate
from evaluate.models.qwen_audio.features import Query, clip_features
from evaluate.models.qwen_audio.model import QwenAudio, QwenAudioChat

Original = Callable[[str], QwenAudio]
CASES = [(variant, name) for variant in VARIANTS for name in cases(variant)]
TOLERANCE = 1e-4
FREE = Decoding(max_new_tokens=24, end=-1)
"""Greedy without an end, as recorded."""


def query(model: QwenAudio, text: str, clips: Sequence[str]) -> Query:
    heard = {f"{clip}.wav": clip_features(samples(clip), 80) for clip in clips}
    encoded = model.tokenizer.encode(text, {name: clip.length.rows for name, clip in heard.items()})
    return Query(encoded.ids, encoded.starts, [heard[name] for name in encoded.clips])


def case(model: QwenAudio, variant: str, name: str) -> Query:
    entry = cases(variant)[name]
    return query(model, entry["text"], entry.get("clips") or [])


def first_logits(model: QwenAudio, queries: Sequence[Query], variant: str) -> np.ndarray:
    with torch.inference_mode():
        logits = Stream(model.network, queries, 1).first()
    return logits[:, recorded(variant)["vocab_subset"]].numpy()


@pytest.mark.parametrize(("variant", "name"), CASES)
def test_a_case_alone(original: Original, variant: str, name: str) -> None:
    model, entry, figures = original(variant), cases(variant)[name], arrays(variant)
    asked = case(model, variant, name)
    assert asked.ids == figures[f"{name}.input_ids"][0].tolist()
    assert [[clip.length.frames, clip.length.rows] for clip in asked.clips] == (entry.get("lengths") or [])
    with torch.inference_mode():
        spans = model.network.hear([asked])[0]
    assert [len(span) for span in spans] == (entry.get("spans") or [])
    for place, span in enumerate(spans):
        np.testing.assert_allclose(span, figures[f"{name}.audio{place}"], rtol=0, atol=TOLERANCE)
    logits = first_logits(model, [asked], variant)[0]
    np.testing.assert_allclose(logits, figures[f"{name}.last_logits"], rtol=0, atol=TOLERANCE)
    assert generate(model.network, [asked], FREE) == [entry["greedy"]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_all_cases_in_one_batch(original: Original, variant: str) -> None:
    """Left padded by up to 188 tokens, short clips beside long ones, two clips beside one and none."""
    model, names = original(variant), list(cases(variant))
    queries = [case(model, variant, name) for name in names]
    for row, name in zip(first_logits(model, queries, variant), names, strict=True):
        np.testing.assert_allclose(row, arrays(variant)[f"{name}.last_logits"], rtol=0, atol=TOLERANCE)
    said = generate(model.network, queries, FREE)
    assert said == [cases(variant)[name]["greedy"] for name in names]
    with torch.inference_mode():
        spans = model.network.hear(queries)
    for name, heard in zip(names, spans, strict=True):
        for place, span in enumerate(heard):
            np.testing.assert_allclose(span, arrays(variant)[f"{name}.audio{place}"], rtol=0, atol=TOLERANCE)


def test_the_rotation_stretches_past_the_trained_length(original: Original) -> None:
    alphas = {64: 1, 65: 3, 128: 3, 129: 7, 256: 7, 257: 15, 758: 31}
    network = original("s64").network
    for length, frequencies in zip(alphas, network.frequencies(list(alphas)), strict=True):
        base = 10_000 * alphas[length] ** (16 / 14)
        torch.testing.assert_close(frequencies, base ** -(torch.arange(0, 16, 2) / 16), rtol=1e-6, atol=0)
    assert original("s2048").network._alpha(2048) == 1 and original("s2048").network._alpha(2049) == 3


def test_rows_past_the_trained_length_are_as_alone(original: Original) -> None:
    """Each row has its own stretch and its own positions: padding counts for neither."""
    model = original("s64")
    names = ("s0p1", "s1", "s7p3", "m8k")
    queries = [query(model, f"<audio>{name}.wav</audio><|startoftranscript|><|en|>" * 2, [name]) for name in names]
    assert sorted(len(asked.ids) for asked in queries) == [12, 58, 158, 372]
    for row, asked in zip(first_logits(model, queries, "s64"), queries, strict=True):
        np.testing.assert_allclose(row, first_logits(model, [asked], "s64")[0], rtol=0, atol=TOLERANCE)
    assert generate(model.network, queries, FREE) == [generate(model.network, [asked], FREE)[0] for asked in queries]


@pytest.mark.parametrize("name", ["eos_is_5th", "stop_word_1tok", "stop_word_2tok", "min_new_tokens_1_first_is_eos"])
def test_where_an_answer_ends(original: Original, name: str) -> None:
    model, entry = original("s2048"), recorded("s2048")["stopping"][name]
    asked = Decoding(
        max_new_tokens=24,
        end=entry.get("eos", 151643),
        min_new_tokens=int(name.startswith("min_new")),
        stops=tuple(map(tuple, entry.get("stop", []))),
    )
    assert generate(model.network, [case(model, "s2048", "aqa_s1")], asked) == [entry["out"]]


def test_the_end_may_come_first(original: Original) -> None:
    model, entry = original("s2048"), recorded("s2048")["stopping"]["min_new_tokens_1_first_is_eos"]
    asked = Decoding(max_new_tokens=24, end=entry["eos"])
    assert generate(model.network, [case(model, "s2048", "aqa_s1")], asked) == [entry["out_without"]]


@pytest.mark.parametrize("least", [0, 1])
def test_a_stop_word_at_the_prompts_end(original: Original, least: int) -> None:
    model, entry = original("s2048"), recorded("s2048")["stopping"]["stop_word_in_prompt_tail"]
    asked = Decoding(max_new_tokens=24, end=151643, min_new_tokens=least, stops=tuple(map(tuple, entry["stop"])))
    assert generate(model.network, [case(model, "s2048", "aqa_s1")], asked) == [entry["out"]] == [[151643]]


def test_rows_of_a_batch_end_by_themselves(original: Original) -> None:
    """The row that ends early is as recorded, the others go on as alone."""
    model, names = original("s2048"), ["asr_en_s0p1", "asr_en_s1", "aqa_s1"]
    queries = [case(model, "s2048", name) for name in names]
    entry = recorded("s2048")["stopping"]["b4_eos_of_row1"]
    said = generate(model.network, queries, Decoding(max_new_tokens=24, end=entry["eos"]))
    row = entry["out"][1]
    assert said[1] == row[: row.index(entry["eos"]) + 1]
    assert [said[0], said[2]] == [cases("s2048")[name]["greedy"] for name in (names[0], names[2])]


@pytest.fixture(scope="module")
def conversations(original: Original) -> QwenAudioChat:
    """The recorded model as Chat: the same tensors."""
    base = original("s2048")
    model = QwenAudioChat.__new__(QwenAudioChat)
    model.__dict__ |= base.__dict__ | {"system": "You are a helpful assistant.", "window": 6144}
    model.config = ModelConfig(_target_="", name="chat", path=base.config.path)
    return model


def turns_and_clips(entry: dict[str, Any]) -> tuple[list[tuple[str, str | None]], dict[str, int]]:
    return [(asked, answered) for asked, answered in entry["history"]], {"s1.wav": 25}


@pytest.mark.parametrize("name", ["fresh_text", "fresh_audio", "history_text_q"])
def test_a_chat(conversations: QwenAudioChat, name: str) -> None:
    entry = recorded("s2048")["chat"][name]
    turns, rows = turns_and_clips(entry)
    assert head_text(conversations.system, turns) + entry["query"] + TAIL == entry["raw_text"]
    encoded = conversations.encode_turns(turns, entry["query"], rows, "here")
    assert encoded.ids == entry["context_tokens"]
    assert encoded.clips == (entry["urls"] or [])
    asked = Query(encoded.ids, encoded.starts, [clip_features(samples("s1"), 80) for _ in encoded.clips])
    said = generate(conversations.network, [asked], Decoding(24, end=151643, stops=((151645,), (151644,))))[0]
    assert said == entry["generated"]["value"]
    assert conversations.tokenizer.decode(said) == entry["tokens_decoded_all"]["value"]


def test_a_window_drops_the_oldest_turns_and_their_clips(conversations: QwenAudioChat) -> None:
    chat = recorded("s2048")["chat"]
    turns, rows = turns_and_clips(chat["history_text_q"])
    encoded, dropped = encode_context(conversations.tokenizer, conversations.system, turns, "and now?", rows, 80)
    assert encoded.ids == chat["window_80"]["context_tokens"] and (encoded.clips, dropped) == ([], 1)
    assert head_text(conversations.system, turns[1:]) + "and now?" + TAIL == chat["window_80"]["raw_text"]
    size = len(encode_context(conversations.tokenizer, conversations.system, turns[1:], "", rows, 999)[0].ids) - 9
    fits, cut = (
        encode_context(conversations.tokenizer, conversations.system, turns[1:], "", rows, size + more)[1]
        for more in (1, 0)
    )
    assert (fits, cut) == (0, 1)
