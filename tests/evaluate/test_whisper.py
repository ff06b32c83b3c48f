"""Whisper: languages and tasks, detection, sampling, other families, and checkpoints that are not whole."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file
from support import CLIPS

from evaluate.config import Dtype, Generation, ModelConfig
from evaluate.models.base import Answer, Checkpoint, ModelError, Request
from evaluate.models.whisper import Whisper

MakeWhisper = Callable[..., Path]


def whisper(folder: Path, dtype: Dtype = Dtype.float32) -> Whisper:
    return Whisper(ModelConfig(_target_="", name="whisper", path=str(folder), dtype=dtype))


def loaded(folder: Path, dtype: Dtype = Dtype.float32) -> Whisper:
    model = whisper(folder, dtype)
    model.load("cpu")
    return model


def heard(
    name: str = "bells", language: str | None = None, task: str = "transcribe", model: Whisper | None = None
) -> Request:
    samples, _ = soundfile.read(CLIPS / f"{name}.flac", dtype="float32")
    request = Request(name, "", language, "en", {}, audio=(samples,))
    return Request(**{**request.__dict__, "prompt": model.render(task, request) if model else ""})


def ask(model: Whisper, requests: Sequence[Request], **generation: float) -> list[Answer]:
    return model.generate(model.prepare(requests), Generation(max_new_tokens=8, **generation))  # type: ignore[arg-type]


def test_language_and_task_reach_the_decoder(make_whisper: MakeWhisper) -> None:
    model = loaded(make_whisper("--multilingual"))
    said = {
        (language, task): ask(model, [heard(language=language, task=task, model=model)])[0].text
        for language in ("en", "zh")
        for task in ("transcribe", "translate")
    }
    assert said["en", "transcribe"] != said["en", "translate"] and said["en", "transcribe"] != said["zh", "transcribe"]
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    processor = WhisperProcessor.from_pretrained(model.folder)
    network = WhisperForConditionalGeneration.from_pretrained(model.folder)
    features = processor(heard().audio[0], sampling_rate=16_000, return_tensors="pt").input_features
    for (language, task), text in said.items():
        tokens = network.generate(features, language=language, task=task, max_new_tokens=8)
        assert processor.batch_decode(tokens, skip_special_tokens=True)[0].strip() == text


def test_without_a_language_each_clip_is_detected(make_whisper: MakeWhisper) -> None:
    model = loaded(make_whisper("--multilingual"))
    requests = [
        heard(name, language, model=model) for name, language in (("bells", None), ("garden", "zh"), ("train", None))
    ]
    ((_, inputs),) = model.prepare(requests)
    languages = model._languages(requests, inputs)
    assert languages[1] == "zh" and {languages[0], languages[2]} <= set(model.languages)
    alone = [ask(model, [request])[0].text for request in requests]
    assert [answer.text for answer in ask(model, requests)] == alone
    known = [heard("bells", languages[0], model=model)]
    assert ask(model, known)[0].text == alone[0]


@pytest.mark.parametrize(
    ("options", "language", "task", "said"),
    [
        (["--multilingual"], "xx", "transcribe", "'xx' is no language of"),
        (["--multilingual"], "en", "summarise", "one of transcribe, translate"),
        ([], "de", "transcribe", "is English-only"),
        ([], "en", "translate", "only transcribes"),
    ],
)
def test_what_it_cannot_do_is_refused(
    make_whisper: MakeWhisper, options: list[str], language: str, task: str, said: str
) -> None:
    with pytest.raises(ModelError) as error:
        heard(language=language, task=task, model=whisper(make_whisper(*options)))
    assert said in str(error.value)


def test_only_english_is_the_target(make_whisper: MakeWhisper) -> None:
    model = whisper(make_whisper("--multilingual"))
    with pytest.raises(ModelError, match="translates into English only, and the target language is de"):
        model.render("translate", Request("a", "", "zh", "de", {}))
    with pytest.raises(ModelError, match="one clip at a time"):
        model.render("transcribe", Request("a", "", "zh", None, {}, clips=2))


def test_a_draw_does_not_depend_on_its_batch(make_whisper: MakeWhisper) -> None:
    model = loaded(make_whisper())
    requests = [heard(name, model=model) for name in ("bells", "garden", "train")]
    drawn = [answer.text for answer in ask(model, requests, temperature=30.0)]
    assert drawn[::-1] == [answer.text for answer in ask(model, requests[::-1], temperature=30.0)]
    assert drawn != [answer.text for answer in ask(model, requests, temperature=30.0, seed=1)]
    assert drawn != [answer.text for answer in ask(model, requests)]


def test_greedy_whatever_the_checkpoint_says(make_whisper: MakeWhisper, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(make_whisper(), folder)
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text()) | {"do_sample": True, "temperature": 2.0, "num_beams": 3}
    path.write_text(json.dumps(settings))
    plain, changed = loaded(make_whisper()), loaded(folder)
    for name in ("bells", "garden", "train"):
        assert ask(changed, [heard(name)])[0].text == ask(plain, [heard(name)])[0].text


def test_dtype_reaches_the_weights(make_whisper: MakeWhisper) -> None:
    model = loaded(make_whisper(), Dtype.bfloat16)
    assert model.network.dtype == torch.bfloat16
    assert ask(model, [heard()])[0].new_tokens == 8


def test_another_family_answers_in_a_batch_as_alone(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        MoonshineConfig,
        MoonshineForConditionalGeneration,
        PreTrainedTokenizerFast,
        Wav2Vec2FeatureExtractor,
    )

    config = MoonshineConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        encoder_num_hidden_layers=1,
        decoder_num_hidden_layers=1,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
    )
    torch.manual_seed(0)
    network = MoonshineForConditionalGeneration(config)
    for name, weight in network.named_parameters():
        weight.data.mul_(1 if weight.dim() == 1 else 40 if "encoder_attn" in name else 8)
    network.generation_config.suppress_tokens = [2]
    network.save_pretrained(tmp_path)
    vocabulary = {f"w{number}": number for number in range(64)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="w1", eos_token="w2", pad_token="w2").save_pretrained(
        tmp_path
    )
    Wav2Vec2FeatureExtractor(return_attention_mask=True, do_normalize=False).save_pretrained(tmp_path)
    (tmp_path / "processor_config.json").write_text('{"processor_class": "Wav2Vec2Processor"}')
    model = loaded(tmp_path)
    assert not model.is_whisper and not model.multilingual
    requests = [heard(name, "en", model=model) for name in ("bells", "harbour")]
    assert requests[0].prompt == "<audio>1</audio>"
    alone = [ask(model, [request])[0].text for request in requests]
    assert [answer.text for answer in ask(model, requests)] == alone
    assert alone[0] != alone[1], alone


def test_a_checkpoint_that_is_not_whole_is_refused(make_whisper: MakeWhisper, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(make_whisper(), folder)
    weights = load_file(folder / "model.safetensors")
    name = "model.encoder.layers.0.fc1.weight"
    for change, said in [
        ({key: value for key, value in weights.items() if key != name}, "1 missing keys"),
        ({**weights, "extra.weight": torch.zeros(2)}, "1 unexpected keys"),
        ({**weights, name: torch.zeros(3, 3)}, ""),
    ]:
        save_file(change, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelError) as error:
            loaded(folder)
        assert said in str(error.value) and "\n" not in str(error.value)
    for name in ("tokenizer.json", "preprocessor_config.json"):
        (folder / name).rename(folder / "away")
        with pytest.raises(ModelError, match=f"holds neither {name}"):
            whisper(folder)
        (folder / "away").rename(folder / name)
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="does not load"):
        loaded(folder)


def test_the_fingerprint_sees_other_weights(make_whisper: MakeWhisper, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(make_whisper(), folder)
    assert whisper(folder).fingerprint() == whisper(make_whisper()).fingerprint()
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: weight + 1e-3 for name, weight in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    changed, before = whisper(folder).fingerprint(), whisper(make_whisper()).fingerprint()
    assert {name for name in before if changed[name] != before[name]} == {"weights"}
    assert whisper(folder, Dtype.float16).fingerprint()["dtype"] == "float16"


def test_a_hub_id_offline_says_what_to_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="goes with a hub id"):
        Checkpoint(str(tmp_path), "main").folder()
    with pytest.raises(ModelError, match="copy the checkpoint's folder"):
        Checkpoint("openai/whisper-tiny", "main").folder()
    for wrong in ("../openai/whisper", "./x", "~/x/y", "a/b/c", "name"):
        with pytest.raises(ModelError, match="no such folder"):
            Checkpoint(wrong).folder()


def test_silence_is_heard_as_something_else(make_whisper: MakeWhisper) -> None:
    model = loaded(make_whisper())
    silence = Request("silence", "", None, None, {}, audio=(np.zeros(16_000, np.float32),))
    assert len({answer.text for answer in ask(model, [heard("bells"), heard("garden"), silence])}) == 3
