"""Qwen-Audio behind the seam: what it hears, how it is asked, and what it refuses in a sentence."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from support import CLIPS

from datasets_prep.manifest import Clip, Sample
from evaluate.config import Dtype, Generation, ModelConfig, Task
from evaluate.models.base import Answer, Model, ModelError, Request
from evaluate.models.qwen_audio.chat import Asked, chat
from evaluate.models.qwen_audio.decoding import Stream
from evaluate.models.qwen_audio.model import QwenAudio, QwenAudioChat
from evaluate.prompts import PromptError, render

ASR = "<|startoftranscript|><|en|><|transcribe|><|en|><|notimestamps|><|wo_itn|>"
NAMES = ("bells", "garden", "harbour", "train")


def sound(name: str) -> np.ndarray:
    return soundfile.read(CLIPS / f"{name}.flac", dtype="float32")[0]


def ask(model: Model, prompt: str, *clips: np.ndarray, **fields: object) -> Request:
    request = Request("s", "", None, None, fields, clips=len(clips), audio=clips)
    return replace(request, prompt=model.render(prompt, request))


def answers(model: QwenAudio, requests: Sequence[Request], count: int = 12, **generation: float) -> list[Answer]:
    return model.generate(model.prepare(requests), Generation(max_new_tokens=count, **generation))  # type: ignore[arg-type]


def first_logits(model: QwenAudio, requests: Sequence[Request]) -> torch.Tensor:
    with torch.inference_mode():
        return Stream(model.network, [query for _, query in model.prepare(requests)], 1).first()


def crowd(model: Model) -> list[Request]:
    """Requests of many lengths, with one clip, two and three."""
    sounds = [sound(name) for name in NAMES]
    alone = [ask(model, ASR, clip[: 480 + 7_919 * place]) for place, clip in enumerate(sounds * 2)]
    several = [ask(model, "<audio>2</audio>then<audio>1</audio>" + ASR, *sounds[:2]), ask(model, ASR, *sounds[:3])]
    return [*alone, *several, ask(model, "<|startofanalysis|><|en|><|question|>Who?<|answer|>", sounds[3])]


def test_a_batch_answers_as_each_alone(tiny: QwenAudio) -> None:
    requests = crowd(tiny)
    together = first_logits(tiny, requests)
    for row, request in enumerate(requests):
        torch.testing.assert_close(together[row], first_logits(tiny, [request])[0], rtol=0, atol=1e-4)
    alone = [answers(tiny, [request])[0] for request in requests]
    assert answers(tiny, requests) == alone == answers(tiny, requests[::-1])[::-1]
    assert len({answer.text for answer in alone}) > 5


def test_it_hears(tiny: QwenAudio) -> None:
    bells, train = sound("bells"), sound("train")
    heard, silent, other = (first_logits(tiny, [ask(tiny, ASR, clip)])[0] for clip in (bells, 0 * bells, train))
    assert (heard - silent).abs().max() > 0.1 and (heard - other).abs().max() > 0.1
    assert np.array_equal(tiny.first_logits(tiny.prepare([ask(tiny, ASR, bells)]))[0], heard)
    said = [answer.text for answer in answers(tiny, [ask(tiny, ASR, bells), ask(tiny, ASR, train)])]
    assert [answer.text for answer in answers(tiny, [ask(tiny, ASR, train), ask(tiny, ASR, bells)])] == said[::-1]
    assert said[0] != said[1]
    both, swapped = (first_logits(tiny, [ask(tiny, ASR, *pair)])[0] for pair in ((bells, train), (train, bells)))
    assert (both - swapped).abs().max() > 0.1


def test_clips_may_be_named_in_any_order_and_twice(tiny: QwenAudio) -> None:
    bells, train = sound("bells"), sound("train")
    named = first_logits(tiny, [ask(tiny, "<audio>2</audio><audio>1</audio>" + ASR, bells, train)])
    torch.testing.assert_close(named, first_logits(tiny, [ask(tiny, ASR, train, bells)]))
    again = ask(tiny, "<audio>1</audio><audio>1</audio>" + ASR, bells)
    torch.testing.assert_close(first_logits(tiny, [again]), first_logits(tiny, [ask(tiny, ASR, bells, bells)]))


@pytest.mark.parametrize("dtype", [Dtype.bfloat16, Dtype.float16])
def test_half_precision(tiny: QwenAudio, tiny_folders: dict[bool, Path], dtype: Dtype) -> None:
    model = QwenAudio(ModelConfig(_target_="", name="tiny", path=str(tiny_folders[False]), dtype=dtype))
    model.load("cpu")
    assert model.network.lm_head.weight.dtype == getattr(torch, dtype.name)
    requests = crowd(model)
    exact, rough = first_logits(tiny, requests), first_logits(model, requests)
    assert torch.isfinite(rough).all() and (exact - rough).abs().max() < 0.25 * exact.abs().max()
    assert all(answer.new_tokens for answer in answers(model, requests))


def test_sampling_is_the_samples_own(tiny: QwenAudio) -> None:
    requests = [replace(request, id=str(place)) for place, request in enumerate(crowd(tiny))]
    warm = {"temperature": 1.5, "top_p": 0.95}
    said = answers(tiny, requests, **warm)
    assert answers(tiny, requests[::-1], **warm)[::-1] == said == answers(tiny, requests, **warm)
    assert answers(tiny, requests, **warm, seed=1) != said != answers(tiny, requests)
    cold = answers(tiny, requests, temperature=1.5, top_p=1e-6)
    assert cold == answers(tiny, requests)


def test_an_answer_keeps_its_tags_and_counts_its_tokens(tiny: QwenAudio, tiny_chat: QwenAudioChat) -> None:
    [(_, query)] = tiny.prepare([ask(tiny, ASR, sound("bells"))])
    special = tiny.tokenizer.special
    tokens = [special["<|en|>"], *tiny.tokenizer.encode("ab").ids]
    assert tiny._answer(query, [*tokens, special["<|endoftext|>"]]) == Answer("<|en|>ab", len(query.ids), 3, False)
    assert tiny._answer(query, tokens) == Answer("<|en|>ab", len(query.ids), 3, True)
    assert tiny._answer(query, [special["<|endoftext|>"]]) == Answer("", len(query.ids), 0, False)
    assert tiny_chat._answer(query, [*tokens, special["<|im_end|>"], special["<|endoftext|>"]]).text == "ab"


def test_spare_ids_are_never_said(tiny_folders: dict[bool, Path]) -> None:
    model = QwenAudio(ModelConfig(_target_="", name="tiny", path=str(tiny_folders[False])))
    model.load("cpu")
    request = ask(model, ASR, sound("bells"))
    before = answers(model, [request])
    head = model.network.lm_head.weight
    head[-1] = 1000 * head[97]
    head[-2] = -head[-1]
    assert first_logits(model, [request]).argmax() >= len(model.tokenizer)
    assert answers(model, [request]) == before


def test_the_base_model_says_something(tiny_folders: dict[bool, Path]) -> None:
    """As in the published evaluation, its first token is not the end."""
    model = QwenAudio(ModelConfig(_target_="", name="tiny", path=str(tiny_folders[False])))
    model.load("cpu")
    end = model.tokenizer.special["<|endoftext|>"]
    head = model.network.lm_head.weight
    request = ask(model, ASR, sound("bells"))
    head[end] = 100 * head[first_logits(model, [request]).argmax()]
    assert first_logits(model, [request]).argmax() == end
    assert answers(model, [request])[0].new_tokens


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("<|startoftranscription|><|en|>", r"<\|startoftranscription\|> is no tag of this model; did you mean <\|startoftranscript\|>\?"),
        ("<|EN|>", r"did you mean <\|en\|>"),
        ("<|yue|>", r"<\|yue\|> is no tag"),
        ("<| en |>", "is no tag of this model"),
        ("<|30.01|>", "is no tag of this model"),
        ("<|en|<|transcribe|>", r"'<\|' that is no part of a tag"),
        ("<en|>", r"'\|>' that is no part of a tag"),
        ("<audio>what", "'<audio>' that is no part of a tag"),
        ("</audio>", "'</audio>' that is no part of a tag"),
        ("[[[AUDIO:modality]]]", "is no part of a tag"),
        ("<audio>2</audio>", "names the clip <audio>2</audio>, and the sample has clip 1 only"),
        ("<audio>a.wav</audio>", "the sample has clip 1 only"),
        ("<|question|>\u0338", "is no part of a tag"),
    ],
)  # fmt: skip
def test_a_prompt_with_a_tag_that_is_none(tiny: QwenAudio, tiny_chat: QwenAudioChat, prompt: str, said: str) -> None:
    for model in (tiny, tiny_chat):
        with pytest.raises(ModelError, match=said):
            ask(model, prompt, np.zeros(480, np.float32))


def test_a_prompt_that_forgets_a_clip(tiny: QwenAudio) -> None:
    with pytest.raises(ModelError, match="and not <audio>1</audio>"):
        ask(tiny, "<audio>2</audio>" + ASR, *[np.zeros(480, np.float32)] * 2)


@pytest.mark.parametrize("text", ["<|endoftext|>", "x<audio>1</audio>", "en|><|zh", "a <| b", "[[[AUDIO:modality]]]"])
def test_a_samples_text_cannot_be_a_tag(tiny: QwenAudio, tiny_chat: QwenAudioChat, text: str) -> None:
    sample = Sample("s", (Clip("a.wav"),), ("r",), None, None, {"question": text})
    task = Task(name="t", prompt={"qwen_audio": "<|question|>{question}<|answer|>", "chat": "{question}"})
    for model in (tiny, tiny_chat):
        with pytest.raises(PromptError, match=r"task t, sample s, \{question\}: its text holds"):
            render(sample, task, model)


def test_a_samples_language_becomes_a_tag(tiny: QwenAudio) -> None:
    task = Task(name="t", prompt={"qwen_audio": "<|{language}|>"})
    assert (
        render(Sample("s", (Clip("a"),), ("r",), None, None, {"language": "zh"}), task, tiny).prompt
        == "<audio>1</audio><|zh|>"
    )
    with pytest.raises(PromptError, match=r"<\|zhh\|> is no tag of this model; did you mean <\|zh\|>"):
        render(Sample("s", (Clip("a"),), ("r",), None, None, {"language": "zhh"}), task, tiny)


def test_base_and_chat_are_not_mistaken(tiny_folders: dict[bool, Path], tmp_path: Path) -> None:
    def make(kind: type[QwenAudio], folder: Path) -> QwenAudio:
        return kind(ModelConfig(_target_="", name="m", path=str(folder)))

    with pytest.raises(
        ModelError, match=r"is Qwen-Audio-Chat, model=qwen_audio_chat \(its generation_config.json says"
    ):
        make(QwenAudio, tiny_folders[True])
    with pytest.raises(ModelError, match=r"is the base model Qwen-Audio, model=qwen_audio \("):
        make(QwenAudioChat, tiny_folders[False])
    folder = shutil.copytree(tiny_folders[True], tmp_path / "copy")
    (folder / "generation_config.json").write_text('{"chat_format": "alpaca"}')
    with pytest.raises(ModelError, match="is of a kind that is not known"):
        make(QwenAudioChat, folder)
    (folder / "generation_config.json").unlink()
    assert make(QwenAudio, folder) and make(QwenAudioChat, folder)  # where nothing says otherwise, it is as asked
    (folder / "qwen.tiktoken").unlink()
    with pytest.raises(ModelError, match=r"has no qwen\.tiktoken"):
        make(QwenAudio, folder)


def test_settings(tiny: QwenAudio, tiny_folders: dict[bool, Path]) -> None:
    with pytest.raises(ModelError, match="room for less than 8192"):
        tiny.check(Generation(max_new_tokens=8192))
    for options, said in (({"window": 0.5}, "it is a number of tokens"), ({"system": "<|en"}, "no part of a tag")):
        with pytest.raises(ModelError, match=said):
            QwenAudioChat(ModelConfig(_target_="", name="c", path=str(tiny_folders[True]), options=options))


def test_the_fingerprint_covers_code_and_checkpoint(tiny_folders: dict[bool, Path], tmp_path: Path) -> None:
    def made(folder: Path, **options: object) -> dict[str, str]:
        return QwenAudioChat(ModelConfig(_target_="", name="c", path=str(folder), options=options)).fingerprint()

    folder = shutil.copytree(tiny_folders[True], tmp_path / "copy")
    same = made(folder)
    assert same == made(tiny_folders[True]) and "qwen_audio_code" in same
    assert made(folder, system="Be short.")["options"] != same["options"]
    with (folder / "qwen.tiktoken").open("a") as file:
        file.write("\n")
    assert made(folder)["checkpoint_files"] != same["checkpoint_files"]
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    assert made(folder)["weights"] != same["weights"]


def test_a_prompt_without_room_fails(tiny: QwenAudio, tiny_chat: QwenAudioChat) -> None:
    request = Request("long", "<audio>1</audio>" + "ab " * 9_000, None, None, {}, audio=(np.zeros(480, np.float32),))
    with pytest.raises(ValueError, match=r"a prompt of .* tokens; beside 8 new ones"):
        tiny.generate(tiny.prepare([request]), Generation(max_new_tokens=8))
    with pytest.raises(ValueError, match="tokens; beside 9000 new ones"):
        chat(tiny_chat, "Hello.", (), Generation(max_new_tokens=9_000))


def test_chat_draws_by_seed_and_refuses_odd_arrays(tiny_chat: QwenAudioChat) -> None:
    said = {chat(tiny_chat, "Hello.", (), Generation(max_new_tokens=12, temperature=3.0, seed=s))[0] for s in (0, 1, 2)}
    assert len(said) == 3
    for odd in (np.zeros(800, np.int16), np.zeros((800, 2), np.float32), np.full(800, np.nan, np.float32)):
        with pytest.raises(ModelError, match="finite floats"):
            chat(tiny_chat, [{"audio": odd}, {"text": "What?"}])


@pytest.mark.parametrize("options", [{"window": 0}, {"window": True}, {"system": None}])
def test_options_out_of_range(tiny_folders: dict[bool, Path], options: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=r"model\.options"):
        QwenAudioChat(ModelConfig(_target_="", name="c", path=str(tiny_folders[True]), options=options))


def test_a_conversation_in_words(tiny_chat: QwenAudioChat) -> None:
    silence = np.zeros(480, np.float32)
    history = [["Audio 1:<audio>1</audio>\nWhat is it?", "A bell at <|1.50|>."], ["Sure?", None]]
    request = ask(tiny_chat, "And this?", silence, silence, history=history)
    assert request.prompt == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nAudio 1:<audio>1</audio>\nWhat is it?<|im_end|>\n<|im_start|>assistant\nA bell at <|1.50|>.<|im_end|>\n"
        "<|im_start|>user\nSure?<|im_end|>\n\n"
        "<|im_start|>user\nAudio 1:<audio>2</audio>\nAnd this?<|im_end|>\n<|im_start|>assistant\n"
    )
    [(_, query)] = tiny_chat.prepare([request])
    special = tiny_chat.tokenizer.special
    assert tiny_chat.tokenizer.decode(query.ids).replace("[[[AUDIO:modality]]]", "·").count("<audio>·</audio>") == 2
    assert special["<|1.50|>"] in query.ids and query.ids.count(special["<|im_start|>"]) == 6


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ("no", "'history' is a list"),
        ([["a"]], "'history' is a list"),
        ([["a", 1]], "'history' is a list"),
        ([["<audio>2</audio>", "a"]], "names the clip <audio>2</audio>"),
        ([["<audio>", "a"]], "'<audio>' that names no clip"),
    ],
)
def test_a_history_that_cannot_be_read(tiny_chat: QwenAudioChat, history: object, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        ask(tiny_chat, "And?", np.zeros(480, np.float32), history=history)


def test_control_tokens_in_a_history_are_text(tiny_chat: QwenAudioChat) -> None:
    request = ask(tiny_chat, "And?", np.zeros(480, np.float32), history=[["a<|im_end|>b", "<|endoftext|>"]])
    [(_, query)] = tiny_chat.prepare([request])
    assert query.ids.count(tiny_chat.tokenizer.special["<|im_end|>"]) == 4
    assert tiny_chat.tokenizer.special["<|endoftext|>"] not in query.ids


def test_the_window_says_what_it_drops(tiny_folders: dict[bool, Path], caplog: pytest.LogCaptureFixture) -> None:
    model = QwenAudioChat(ModelConfig(_target_="", name="c", path=str(tiny_folders[True]), options={"window": 120}))
    model.load("cpu")
    bells = sound("bells")
    history = [["<audio>1</audio>What?", "A bell."], ["Sure?", "Yes."]]
    with caplog.at_level(logging.WARNING):
        [(_, query)] = model.prepare([ask(model, "And?", bells, bells, history=history)])
    assert "sample s: its 1 oldest turns do not fit model.options.window=120" in caplog.text
    assert len(query.clips) == len(query.starts) == 1
    fresh = ask(model, "And?", bells, history=history[1:])
    [(_, wanted)] = model.prepare([fresh])
    text = model.tokenizer.decode(query.ids)
    assert text.replace("Audio 2", "Audio 1") == model.tokenizer.decode(wanted.ids)


def test_chat_as_a_function(tiny_chat: QwenAudioChat) -> None:
    first: Asked = [{"audio": CLIPS / "bells.flac"}, {"text": "What is heard?"}]
    short = Generation(max_new_tokens=8)
    answer, history = chat(tiny_chat, first, generation=short)
    assert history == [(first, answer)]
    again, longer = chat(tiny_chat, "Sure?", history, short)
    assert len(longer) == 2 and longer[-1] == ("Sure?", again)
    as_text = f"Audio 1:<audio>{CLIPS / 'bells.flac'}</audio>\nWhat is heard?"
    as_samples = [{"audio": sound("bells")}, {"text": "What is heard?"}]
    for same in (as_text, as_samples):
        assert chat(tiny_chat, same, generation=short)[0] == answer
        assert chat(tiny_chat, "Sure?", [(same, answer)], short)[0] == again
    asked = ask(tiny_chat, "What is heard?", sound("bells"))
    assert answers(tiny_chat, [asked], count=8)[0].text == answer
    with pytest.raises(ModelError, match="a part of a query is"):
        chat(tiny_chat, [{"video": "a"}])
    with pytest.raises(ModelError, match="no part of a tag"):
        chat(tiny_chat, "<audio> what")


def test_chats_in_a_batch_answer_as_alone(tiny_chat: QwenAudioChat) -> None:
    bells, train = sound("bells"), sound("train")
    requests = [
        ask(tiny_chat, "What?", bells),
        ask(tiny_chat, "Which is longer?", bells, train),
        ask(tiny_chat, "And now?", train, bells, history=[["<audio>1</audio>Where?", "There."]]),
    ]
    alone = [answers(tiny_chat, [request])[0] for request in requests]
    assert answers(tiny_chat, requests) == alone
