"""Qwen2-Audio behind the seam: chats, tags, strict loading, greedy and drawn answers, the command line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from qwen2 import NEW_TOKENS, PROMPTS, SPAN, Reference, ask, asked, clip, loaded, made, recording, told
from safetensors.torch import load_file, save_file
from support import CHECKOUT, CLIPS, ENVIRONMENT, command, read_lines, write_manifest

from datasets_prep.manifest import Clip, Sample
from evaluate.config import Dtype, Generation, ModelConfig, Task
from evaluate.models import chat
from evaluate.models.base import ModelError, Request
from evaluate.models.qwen2_audio import Qwen2Audio, Qwen2AudioInstruct
from evaluate.prompts import PromptError, render


def test_the_chat_is_that_of_the_processor(talker: Qwen2AudioInstruct, base: Path, tmp_path: Path) -> None:
    heard = [clip(1, 1), clip(2, 2)]
    request = asked(talker, "What is the same?", *heard)
    parts = [{"type": "audio", "audio_url": "one"}, {"type": "audio", "audio_url": "two"}]
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": [*parts, {"type": "text", "text": "What is the same?"}]},
    ]
    wanted = talker.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert chat.CLIP.sub(SPAN, request.prompt) == wanted
    assert request.prompt.count("<audio>") == 2 and "Audio 2: <audio>2</audio>\nWhat is the same?" in request.prompt
    assert told(ask(talker, [request])[0]) == Reference(talker).says(wanted, heard)
    assert (talker.folder / "chat_template.jinja").is_file() and not (base / "chat_template.jinja").exists()
    without = made(base, Qwen2AudioInstruct)
    assert without.template == chat.CHATML and asked(without, "What is the same?", *heard).prompt == request.prompt
    assert "system\nBe brief.<" in asked(made(base, Qwen2AudioInstruct, system="Be brief."), "Hm?", *heard).prompt


def test_first_logits_are_those_of_transformers_alone(model: Qwen2Audio) -> None:
    requests = [asked(model, prompt, clip(2 + seed, seed)) for seed, prompt in enumerate(PROMPTS)]
    reference = Reference(model)
    logits = model.first_logits(model.prepare(requests))
    assert logits.dtype == np.float32 and logits.shape[0] == len(requests)
    for request, row in zip(requests, logits, strict=True):
        with torch.inference_mode():
            wanted = model.network(**reference.inputs(chat.CLIP.sub(SPAN, request.prompt), request.audio)).logits[0, -1]
        np.testing.assert_allclose(row, wanted, rtol=0, atol=1e-4)


def test_a_prompt_without_clips_is_answered(model: Qwen2Audio, talker: Qwen2AudioInstruct) -> None:
    """Alone and beside one with a clip, as transformers answers it."""
    for speaker in (model, talker):
        request = asked(speaker, "Say.")
        assert "<audio>" not in request.prompt and "<|audio_bos|>" not in request.prompt
        tokens = speaker.tokenizer(request.prompt, return_tensors="pt")
        with torch.inference_mode():
            rows = speaker.network.generate(
                **tokens, max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=speaker.ends, pad_token_id=0
            )
        said = speaker.tokenizer.decode(rows[0, tokens.input_ids.shape[1] :], skip_special_tokens=True).strip()
        beside = ask(speaker, [request, asked(speaker, "Say.", clip(1, 1))])
        assert beside[0].text == said == ask(speaker, [request])[0].text


def test_a_template_is_found_where_transformers_keeps_it_and_cannot_reach_out(copied: Path) -> None:
    (copied / "chat_template.json").write_text(json.dumps({"chat_template": "{{ messages[1].content|length }}"}))
    with pytest.raises(ModelError, match=r"writes no <\|AUDIO\|> for a clip"):
        asked(made(copied, Qwen2AudioInstruct), "Hm?", clip(1, 1))
    (copied / "chat_template.jinja").write_text(f"{{{{ messages[0].content }}}}{SPAN}")
    assert asked(made(copied, Qwen2AudioInstruct), "Hm?", clip(1, 1)).prompt.endswith("assistant.<audio>1</audio>")
    for template in (
        "{{ ''.__class__.__mro__ }}",
        "{{ namespace.__globals__.json }}",
        "{% set n = namespace(__init__=1) %}",
        "{{ raise_exception('no clips') }}",
        "{% if %}",
        "{{ strftime_now('%d') }}",
    ):
        (copied / "chat_template.jinja").write_text(template)
        with pytest.raises(ModelError, match="cannot be rendered"):
            asked(made(copied, Qwen2AudioInstruct), "Hm?", clip(1, 1))


@pytest.mark.parametrize(
    ("chats", "prompt", "said"),
    [
        (False, "<|startoftranscription|>", "did you mean <|startoftranscript|>?"),
        (False, "Recognize: <|EN|>", "did you mean <|en|>?"),
        (False, "Recognize: <| en |>", "is no tag of this model"),
        (False, f"{SPAN}Say.", "the place of a clip is written <audio>1</audio>"),
        (False, "<|im_start|>user\nSay.<|im_end|>", "model=qwen2_audio_instruct"),
        (True, "Say <|emm|>.", "is no tag of this model"),
        (True, "Say <|en.", "no part of a tag"),
        (True, f"{SPAN}Say.", "the place of a clip is written <audio>1</audio>"),
        (True, "Say.<|im_end|>\n<|im_start|>system", "which the chat template writes by itself"),
    ],
)
def test_tags_are_checked_without_the_model(base: Path, instruct: Path, chats: bool, prompt: str, said: str) -> None:
    model = made(instruct, Qwen2AudioInstruct) if chats else made(base)
    with pytest.raises(ModelError) as error:
        asked(model, prompt, clip(1, 1))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_samples_own_text_is_text_only(instruct: Path) -> None:
    sample = Sample("a", (Clip("a.wav"),), ("yes",), None, None, {"question": "Well?<|im_end|>"})
    task = Task(name="own", prompt={"chat": "{question}"})
    with pytest.raises(PromptError, match=r"sample a, \{question\}: its text holds '<\|', which the model would read"):
        render(sample, task, made(instruct, Qwen2AudioInstruct))


def test_tags_are_read_from_any_of_the_tokenizers_files(copied: Path) -> None:
    tags = made(copied).tags
    assert {"<|AUDIO|>", "<|en|>", "<|endoftext|>"} <= tags
    tokenizer = copied / "tokenizer.json"
    listed = {str(entry["id"]): entry for entry in json.loads(tokenizer.read_text())["added_tokens"]}
    settings = copied / "tokenizer_config.json"
    settings.write_text(json.dumps({"added_tokens_decoder": listed}))
    tokenizer.write_text("{}")
    assert made(copied).tags == tags
    settings.write_text("{}")
    with pytest.raises(ModelError, match=r"its tokenizer lacks <\|AUDIO\|>"):
        made(copied)
    settings.write_text("[")
    with pytest.raises(ModelError, match="is not an object of JSON"):
        made(copied)


def test_another_kind_of_checkpoint_is_refused(copied: Path) -> None:
    path = copied / "config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(settings | {"model_type": "whisper"}))
    with pytest.raises(ModelError, match=r"no Qwen2-Audio checkpoint; its config.json says 'whisper'"):
        made(copied)
    path.write_text(json.dumps(settings | {"audio_token_index": 3}))
    with pytest.raises(ModelError, match="says 3"):
        loaded(copied)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights, name: weights.pop(name), "1 missing keys"),
        (lambda weights, name: weights.update({"model.audio_tower.extra": torch.zeros(2)}), "1 unexpected keys"),
        (
            lambda weights, name: weights.update({name: torch.zeros(3, 3)}),
            "((3, 3) in the file, (128, 32) in the model)",
        ),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_refused(copied: Path, change: Callable[..., None], said: str) -> None:
    weights = load_file(copied / "model.safetensors")
    name = next(key for key in weights if key.endswith("audio_tower.layers.0.fc1.weight"))
    change(weights, name)
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError) as error:
        loaded(copied)
    assert said in str(error.value) and "audio_tower" in str(error.value) and "\n" not in str(error.value)


def test_every_tensor_is_that_of_the_file(copied: Path) -> None:
    """The file has the names of the released checkpoints; no file holds the rotary frequencies."""
    weights = load_file(copied / "model.safetensors")
    assert {"language_model.lm_head.weight", "audio_tower.conv1.weight", "multi_modal_projector.linear.bias"} <= set(
        weights
    )
    settings = json.loads((copied / "config.json").read_text())
    settings["text_config"]["rope_parameters"]["rope_theta"] = 500.0
    (copied / "config.json").write_text(json.dumps(settings))
    other = loaded(copied)
    state = other.network.state_dict()
    names = {name: name.replace("language_model.lm_head", "lm_head") for name in weights}
    names = {name: inner if inner.startswith("lm_head") else f"model.{inner}" for name, inner in names.items()}
    names = {name: inner.replace("language_model.model.", "language_model.") for name, inner in names.items()}
    assert set(names.values()) == state.keys()
    assert all(torch.equal(tensor, state[names[name]]) for name, tensor in weights.items())
    frequencies = other.language_model.model.rotary_emb.inv_freq
    torch.testing.assert_close(frequencies, 500.0 ** -(torch.arange(0, 16, 2) / 16))
    assert not any(tensor.is_meta for tensor in (*other.language_model.parameters(), *other.language_model.buffers()))
    request = asked(other, PROMPTS[0], recording("bells"))
    assert told(ask(other, [request])[0]) == Reference(other).of(request)


def test_greedy_whatever_the_checkpoint_says(model: Qwen2Audio, copied: Path) -> None:
    path = copied / "generation_config.json"
    evil = {"do_sample": True, "temperature": 3.0, "num_beams": 3, "repetition_penalty": 5.0, "min_new_tokens": 9}
    evil |= {"no_repeat_ngram_size": 2, "suppress_tokens": [3], "top_k": 1, "max_new_tokens": 1, "length_penalty": 9.0}
    path.write_text(json.dumps(json.loads(path.read_text()) | evil))
    requests = [asked(model, PROMPTS[0], recording(name), name=name) for name in ("bells", "garden", "train")]
    assert ask(loaded(copied), requests) == ask(model, requests)


def test_an_answer_ends_where_the_tokenizer_says_if_the_checkpoint_does_not(
    talker: Qwen2AudioInstruct, copied: Path
) -> None:
    turn = talker.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert talker.ends == [turn]
    (copied / "generation_config.json").unlink()
    without = loaded(copied)
    text = without.tokenizer.convert_tokens_to_ids("<|endoftext|>")
    assert without.ends == [text]
    chatting = made(copied, Qwen2AudioInstruct)
    chatting.load("cpu")
    assert chatting.ends == sorted([turn, text])


def test_a_draw_does_not_depend_on_its_batch(model: Qwen2Audio) -> None:
    requests = [asked(model, PROMPTS[0], recording(name), name=name) for name in ("bells", "garden", "train")]
    requests.append(asked(model, "Compare.", recording("market"), recording("street"), name="both"))
    drawn = ask(model, requests, temperature=9.0)
    assert drawn == ask(model, requests[::-1], temperature=9.0)[::-1] == ask(model, requests, size=1, temperature=9.0)
    assert drawn != ask(model, requests, temperature=9.0, seed=1) and drawn != ask(model, requests)


def test_room_for_prompt_and_answer(base: Path, model: Qwen2Audio) -> None:
    with pytest.raises(ModelError, match="has room for 8192 tokens"):
        made(base).check(Generation(max_new_tokens=8192))
    with pytest.raises(ValueError, match="a prompt of 90"):
        model.prepare([asked(model, "a" * 9000, clip(1, 1))])


def test_dtype_reaches_the_weights(base: Path) -> None:
    half = loaded(base, Dtype.bfloat16)
    assert half.network.dtype == half.language_model.dtype == torch.bfloat16
    assert ask(half, [asked(half, PROMPTS[0], recording("bells"))])[0].new_tokens == NEW_TOKENS


def test_the_fingerprint_sees_what_decides_the_prompt(copied: Path) -> None:
    before = made(copied, Qwen2AudioInstruct).fingerprint()
    assert {"weights", "checkpoint_files", "model_code", "model_parts"} <= before.keys()
    brief = made(copied, Qwen2AudioInstruct, system="Be brief.").fingerprint()
    assert {name for name in before if brief[name] != before[name]} == {"options"}
    (copied / "chat_template.jinja").write_text(chat.CHATML)
    after = made(copied, Qwen2AudioInstruct).fingerprint()
    assert {name for name in before if after[name] != before[name]} == {"checkpoint_files"}


def test_the_parent_stays_light(instruct: Path) -> None:
    code = (
        "import sys\n"
        "from evaluate.config import ModelConfig\n"
        "from evaluate.models.base import Request, make_model\n"
        "for name in ('Qwen2Audio', 'Qwen2AudioInstruct'):\n"
        "    model = make_model(ModelConfig(_target_='evaluate.models.qwen2_audio.' + name, name=name, path=sys.argv[1]))\n"
        "    model.render('Say.', Request('a', '', None, None, {})); model.fingerprint()\n"
        "assert not {'torch', 'transformers'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code, instruct], cwd=CHECKOUT, env=ENVIRONMENT, check=True)


def test_the_command_line(base: Path, instruct: Path, model: Qwen2Audio, tmp_path: Path) -> None:
    names = [path.stem for path in sorted(CLIPS.glob("*.flac"))]
    rows = [{"id": name, "audio": str(CLIPS / f"{name}.flac"), "reference": "none"} for name in names]
    manifest = write_manifest(tmp_path / "manifest.jsonl", rows)
    common = ["task=asr/manifest", f"task.corpus.manifest={manifest}", "task.language=en"]
    common += ["task.generation.max_new_tokens=12", "batch.max_clips=3"]
    done = command("evaluate", *common, "model=qwen2_audio", f"model.path={base}", f"run.dir={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    answers = ask(model, [asked(model, PROMPTS[0], recording(name), name=name) for name in names])
    lines = read_lines(tmp_path / "out/asr/manifest/predictions.jsonl")
    assert [(line["raw"], line["prompt_tokens"], line["new_tokens"]) for line in lines] == [
        told(one) for one in answers
    ]
    assert lines[0]["prompt"] == f"<audio>1</audio>{PROMPTS[0]}"
    assert not (tmp_path / "out/run.log").exists()
    shown = command("evaluate", *common, "model=qwen2_audio_instruct", f"model.path={instruct}", "show=prompt")
    assert "Audio 1: <audio>1</audio>\nTranscribe the speech" in shown.stdout, shown.stderr
    wrong = command("evaluate", *common, "model=qwen2_audio", f"model.path={base}", "task.language=pt")
    assert wrong.returncode == 2 and "<|pt|> is no tag of this model" in wrong.stderr


def test_layers_are_spread_over_devices(base: Path) -> None:
    """Two names of the CPU stand for two GPUs: they go the same way through accelerate, and the answers stay the same."""
    clips = [tone_of(0.8, 300.0), tone_of(1.7, 700.0)]
    requests = [Request(str(k), "<audio>1</audio>Say.", None, None, {}, audio=(clip,)) for k, clip in enumerate(clips)]
    said = []
    for devices in (("cpu",), ("cpu", "cpu")):
        model = Qwen2Audio(ModelConfig(_target_="", name="q", path=str(base)))
        model.devices = devices
        model.load("cpu")
        said.append(model.generate(model.prepare(requests), Generation(max_new_tokens=8)))
    assert said[0] == said[1] and said[0][0].text != said[0][1].text
    model.devices = ("cuda:0", "cuda:1")
    placed = model.device_map()
    assert placed["model.audio_tower"] == placed["model.language_model.layers.0"] == "cuda:0"
    assert placed["lm_head"] == placed["model.language_model.norm"] == "cuda:1"
    names = [name for name, _ in model.network.named_parameters()]
    assert all(any(name.startswith(part) for part in placed) for name in names), "every tensor has its place"


def tone_of(seconds: float, pitch: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * 16_000)) / 16_000)).astype(np.float32)
