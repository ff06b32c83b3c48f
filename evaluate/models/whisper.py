"""Whisper and other speech-to-text models of transformers (``AutoModelForSpeechSeq2Seq``)."""

import copy
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evaluate.audio import SAMPLE_RATE
from evaluate.config import Generation, ModelConfig
from evaluate.models.base import Answer, ModelError, Request, UnsuitedError, read_json, sample_seed
from evaluate.models.margin import Margin, margin_for
from evaluate.models.pretrained import Pretrained
from metrics.base import nearest

TASKS = ("transcribe", "translate")

Group = tuple[Sequence[Request], Any]
"""Requests that go through the network together, and their features."""


class Whisper(Pretrained):
    """Transcribes speech, or translates it into English.

    Of a task it takes the word under ``prompt.whisper`` (``transcribe`` or ``translate``) and the language. Without a
    language, a multilingual Whisper detects it clip by clip. An English-only Whisper, and a model of another family,
    has no such tokens: there, transcription is the only task.
    """

    prompt_styles = ("whisper",)
    max_seconds = 30.0
    rows_per_second = 50.0
    preload = (*Pretrained.preload, "transformers.models.whisper.modeling_whisper")

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        settings = read_json(self.folder / "config.json") | read_json(self.folder / "generation_config.json")
        self.is_whisper = settings.get("model_type") == "whisper"
        self.multilingual = self.is_whisper and bool(settings.get("is_multilingual", settings.get("lang_to_id")))
        self.languages = [token.strip("<|>") for token in settings.get("lang_to_id", {})]
        self.max_target = int(settings.get("max_target_positions") or settings.get("max_position_embeddings") or 10**9)

    def check(self, generation: Generation) -> None:
        room = self.max_target - 4  # the decoder's prompt has up to four tokens
        if generation.max_new_tokens > room:
            raise ModelError(
                f"generation.max_new_tokens={generation.max_new_tokens}: {self.config.name} has room for {room}"
            )

    def render(self, prompt: str, request: Request) -> str:
        task = prompt.strip()
        if task not in TASKS:
            raise ModelError(f"prompt.whisper is one of {', '.join(TASKS)}, not '{task}'")
        if request.clips > 1:
            raise UnsuitedError(f"sample {request.id}: Whisper hears one clip at a time")
        if not self.multilingual:
            return self._render_monolingual(task, request)
        if task == "translate" and request.target_language != "en":
            if request.target_language is None:
                raise ModelError("Whisper translates into English only: say so (task.target_language=en)")
            raise UnsuitedError(
                f"Whisper translates into English only, and the target language is {request.target_language}"
            )
        if request.language is not None and request.language not in self.languages:
            raise UnsuitedError(
                f"'{request.language}' is no language of {self.config.path}{nearest(request.language, self.languages)}"
            )
        language = f"<|{request.language}|>" if request.language else ""
        return f"<audio>1</audio><|startoftranscript|>{language}<|{task}|><|notimestamps|>"

    def _render_monolingual(self, task: str, request: Request) -> str:
        if task != "transcribe":
            raise UnsuitedError(f"{self.config.path} only transcribes; for '{task}' take a multilingual Whisper")
        if self.is_whisper and request.language not in (None, "en"):
            raise UnsuitedError(f"{self.config.path} is English-only; for '{request.language}' take a multilingual one")
        return "<audio>1</audio>" + ("<|startoftranscript|><|notimestamps|>" if self.is_whisper else "")

    def load(self, device: str) -> None:
        from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor

        self.load_pretrained(device, AutoProcessor, AutoModelForSpeechSeq2Seq)
        ends = self.network.generation_config.eos_token_id
        if self.processor.tokenizer.eos_token_id not in (ends if isinstance(ends, list) else [ends]):
            raise ModelError(f"model.path={self.config.path}: its tokenizer ends a text with another token")
        logging.getLogger("transformers.generation.utils").addFilter(_is_news)

    def prepare(self, requests: Sequence[Request]) -> list[Group]:
        """Whisper hears every clip in a frame of 30 s, so that clips answer together as they do alone. Other families
        pad to the longest clip of a batch, and not all of them mask what they padded: their clips go one by one."""
        groups = [requests] if self.is_whisper else [[request] for request in requests]
        return [(group, self._features([request.audio[0] for request in group])) for group in groups]

    def _features(self, clips: Sequence[np.ndarray]) -> Any:
        return self.processor.feature_extractor(
            clips, sampling_rate=SAMPLE_RATE, return_tensors="pt", return_attention_mask=True
        )

    def generate(self, batch: list[Group], generation: Generation) -> list[Answer]:
        import torch

        answers = []
        with torch.inference_mode():
            for requests, features in batch:
                inputs = {name: self._place(tensor) for name, tensor in features.items()}
                if generation.temperature == 0:
                    answers += self._answers(requests, inputs, generation)
                    continue
                for row, request in enumerate(requests):  # one by one: a draw does not depend on its neighbours
                    torch.manual_seed(sample_seed(generation.seed, request.id))
                    one = {name: tensor[row : row + 1] for name, tensor in inputs.items()}
                    answers += self._answers([request], one, generation)
        return answers

    def first_logits(self, batch: list[Group]) -> np.ndarray:
        import torch

        settings = self._settings(Generation(max_new_tokens=1))
        settings.update(return_dict_in_generate=True, output_logits=True)
        with torch.inference_mode():
            said = [
                self._generated(requests, {name: self._place(tensor) for name, tensor in features.items()}, settings)
                for requests, features in batch
            ]
        return np.concatenate([one.logits[0].float().cpu() for one in said])

    def _place(self, tensor: Any) -> Any:
        return tensor.to(self.device, self.network.dtype if tensor.is_floating_point() else None)

    def _answers(self, requests: Sequence[Request], inputs: dict[str, Any], generation: Generation) -> list[Answer]:
        margin = margin_for(self.margins, len(requests), generation.temperature)
        rows = self._generated(requests, inputs, self._settings(generation), margin)
        answers = [self._answer(request, row, generation) for request, row in zip(requests, rows.tolist(), strict=True)]
        return [replace(answer, margin=margin.smallest) for answer in answers] if margin else answers

    def _generated(
        self, requests: Sequence[Request], inputs: dict[str, Any], settings: Any, margin: Margin | None = None
    ) -> Any:
        """What transformers' ``generate`` returns."""
        prompted: dict[str, Any] = {"logits_processor": [margin]} if margin else {}
        if self.multilingual:
            prompted |= {"language": self._languages(requests, inputs), "task": self._task(requests)}
        if self.is_whisper:
            prompted["return_timestamps"] = False
            prompted["temperature"] = settings.temperature  # Whisper's own argument; its settings are ignored
        return self.network.generate(**inputs, **prompted, generation_config=settings)

    def _settings(self, generation: Generation) -> Any:
        """The checkpoint's own, for its suppressed tokens and token ids; how to decode is the task's to say."""
        settings = copy.deepcopy(self.network.generation_config)
        sampled = generation.temperature > 0
        settings.update(
            max_length=None,
            max_new_tokens=generation.max_new_tokens,
            num_beams=1,
            do_sample=sampled,
            temperature=generation.temperature if sampled else None,
            top_p=generation.top_p if sampled else None,
            top_k=0 if sampled else None,
        )
        return settings

    def _languages(self, requests: Sequence[Request], inputs: dict[str, Any]) -> list[str]:
        languages = [request.language for request in requests]
        if None in languages:
            detected = self.network.detect_language(input_features=inputs["input_features"])
            names = self.processor.tokenizer.convert_ids_to_tokens(detected.tolist())
            languages = [said or name.strip("<|>") for said, name in zip(languages, names, strict=True)]
        return [str(language) for language in languages]

    @staticmethod
    def _task(requests: Sequence[Request]) -> str:
        return "translate" if "<|translate|>" in requests[0].prompt else "transcribe"

    def _answer(self, request: Request, row: list[int], generation: Generation) -> Answer:
        tokenizer = self.processor.tokenizer
        settings = self.network.generation_config
        if row and row[0] == settings.decoder_start_token_id:
            row = row[1:]
        ends = settings.eos_token_id if isinstance(settings.eos_token_id, list) else [settings.eos_token_id]
        end = next((place for place, token in enumerate(row) if token in ends), None)
        tokens = row[:end]
        return Answer(
            text=tokenizer.decode(tokens, skip_special_tokens=True).strip(),
            prompt_tokens=request.prompt.count("<|") + (self.multilingual and request.language is None),
            new_tokens=len(tokens),
            hit_max_new_tokens=len(tokens) >= generation.max_new_tokens,
        )


def _is_news(record: logging.LogRecord) -> bool:
    """False for what transformers says of its own calls in Whisper's ``generate``; nothing a user could mend."""
    return not record.getMessage().startswith(("Passing `generation_config` together", "Both `max_new_tokens`"))
