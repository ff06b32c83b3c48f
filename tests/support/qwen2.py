"""What the tests of Qwen2-Audio share: requests, clips, and transformers' own answers to hold them against."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from support import CLIPS

from evaluate.config import Dtype, Generation, ModelConfig
from evaluate.models import chat
from evaluate.models.base import Answer, Request
from evaluate.models.qwen2_audio import Qwen2Audio
from evaluate.models.qwen2_audio_encoder import positions_of

SPAN = "<|audio_bos|><|AUDIO|><|audio_eos|>"
PROMPTS = (
    "Detect the language and recognize the speech: <|en|>",
    "Recognize the emotion with keywords in English:",
    "Say.",
)
NEW_TOKENS = 12
ROW_TOLERANCE = 1e-5
EDGES = (0.07, 0.1, 0.1001, 29.965, 29.98, 29.99, 30.0)
"""Seconds: one position from none, odd and even frames, and where the trimmed frames meet the end of the 30 s."""


def made(folder: Path, kind: type[Qwen2Audio] = Qwen2Audio, dtype: Dtype = Dtype.float32, **options: Any) -> Any:
    return kind(ModelConfig(_target_="", name="qwen2", path=str(folder), dtype=dtype, options=options))


def loaded(folder: Path, dtype: Dtype = Dtype.float32) -> Qwen2Audio:
    model = made(folder, dtype=dtype)
    model.load("cpu")
    return model


def clip(seconds: float, seed: int) -> np.ndarray:
    """A fading tone in noise: no two alike, and with a loudness of its own."""
    draw = np.random.default_rng(seed)
    time = np.arange(round(seconds * 16_000)) / 16_000
    tone = np.sin(2 * np.pi * draw.uniform(80, 3000) * time) * np.exp(-draw.uniform(0, 2) * time)
    noise = draw.normal(0, 10 ** draw.uniform(-4, -1), len(time))
    return (draw.uniform(0.01, 0.5) * tone + noise).astype(np.float32)


def clips(count: int) -> list[np.ndarray]:
    """Of 0.1 to 30 s, short ones as frequent as long ones, in no order; the edges among them."""
    draw = np.random.default_rng(count)
    seconds = [*EDGES, *np.exp(draw.uniform(np.log(0.1), np.log(30), count - len(EDGES)))]
    return [clip(length, seed) for seed, length in enumerate(draw.permutation(seconds))]


def asked(model: Qwen2Audio, prompt: str, *heard: np.ndarray, name: str = "a") -> Request:
    request = Request(name, "", None, None, {}, clips=len(heard), audio=heard)
    rendered = model.render(prompt, request)
    if "<audio>" not in rendered:  # as evaluate.prompts.render does
        rendered = "".join(f"<audio>{number + 1}</audio>" for number in range(len(heard))) + rendered
    return Request(**{**request.__dict__, "prompt": rendered})


def ask(model: Qwen2Audio, requests: Sequence[Request], size: int = 16, **generation: float) -> list[Answer]:
    settings = Generation(**{"max_new_tokens": NEW_TOKENS, **generation})  # type: ignore[arg-type]
    return [answer for batch in batched(requests, size) for answer in model.generate(model.prepare(batch), settings)]


def batched(entries: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [entries[first : first + size] for first in range(0, len(entries), size)]


def recording(name: str) -> np.ndarray:
    return soundfile.read(CLIPS / f"{name}.flac", dtype="float32")[0]


class Reference:
    """Transformers by itself: processor and ``generate``, one request at a time, 30 s whatever the clip."""

    def __init__(self, model: Qwen2Audio):
        self.processor, self.network, self.ends = model.processor, model.network, model.ends

    def inputs(self, text: str, heard: Sequence[np.ndarray]) -> Any:
        return self.processor(text=text, audio=list(heard), sampling_rate=16_000, return_tensors="pt")

    def says(self, text: str, heard: Sequence[np.ndarray]) -> tuple[str, int, int]:
        """Answer, tokens of the prompt, tokens of the answer."""
        inputs = self.inputs(text, heard)
        with torch.inference_mode():
            rows = self.network.generate(
                **inputs, max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=self.ends, pad_token_id=0
            )
        prompt = inputs.input_ids.shape[1]
        tokens = list(itertools.takewhile(lambda token: token not in self.ends, rows[0, prompt:].tolist()))
        return self.processor.decode(tokens, skip_special_tokens=True).strip(), prompt, len(tokens)

    def of(self, request: Request) -> tuple[str, int, int]:
        numbers = [int(number) for number in chat.CLIP.findall(request.prompt)]
        return self.says(chat.CLIP.sub(SPAN, request.prompt), [request.audio[number - 1] for number in numbers])

    def rows(self, heard: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of a clip in 30 s, and the encoder's rows for the clip."""
        kept: list[torch.Tensor] = []
        tower = self.network.model.audio_tower
        hook = tower.register_forward_hook(lambda _, given, result: kept.append(result.last_hidden_state))
        inputs = self.inputs(SPAN, [heard])
        with torch.inference_mode():
            self.network(**inputs)
        hook.remove()
        return inputs.input_features[0], kept[0][0, : positions_of(len(heard), 160) // 2]


def told(answer: Answer) -> tuple[str, int | None, int | None]:
    return answer.text, answer.prompt_tokens, answer.new_tokens
