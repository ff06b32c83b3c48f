"""Qwen2-Audio and Qwen2-Audio-Instruct, on transformers' own classes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluate.config import Generation, ModelConfig
from evaluate.models import chat, qwen2_audio_encoder, tags
from evaluate.models.base import Answer, ModelError, Request, read_json, sample_seed, spread
from evaluate.models.margin import margin_for
from evaluate.models.pretrained import Pretrained
from evaluate.models.qwen2_audio_encoder import Features, encode, features_of
from evaluate.models.tags import CLIP, check_tags, clip_order, known_tags, refuse_marks

AUDIO, AUDIO_BOS, AUDIO_EOS = "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"
TURN_TAGS = ("<|im_start|>", "<|im_end|>")


@dataclass(frozen=True)
class Batch:
    """Requests as the network takes them."""

    requests: Sequence[Request]
    prompts: list[list[int]]
    """Token ids of each prompt, with as many AUDIO tokens for a clip as it has rows."""
    clips: list[int]
    """Of each request: its number of clips; they lie in ``features`` one after the other."""
    features: Features | None
    """None where no request has a clip."""

    def one_by_one(self) -> "list[Batch]":
        ones, end = [], 0
        for request, prompt, count in zip(self.requests, self.prompts, self.clips, strict=True):
            first, end = end, end + count
            features = self.features.of(first, end) if self.features and count else None
            ones.append(Batch([request], [prompt], [count], features))
        return ones


class Qwen2Audio(Pretrained):
    """The pretrained model: a clip, then words that its pretraining used or an instruction that it completes.

    Answers in a batch are those of transformers' ``generate`` on each request alone. The encoder runs on the clips as
    long as they are (``qwen2_audio_encoder``), the language model on left-padded embeddings.
    """

    prompt_styles = ("qwen2_audio", "plain")
    max_seconds = 30.0
    needs_clips = False
    can_split = True
    preload = (*Pretrained.preload, "transformers.models.qwen2_audio", "transformers.models.qwen2.modeling_qwen2")

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        settings = read_json(self.folder / "config.json")
        if (kind := settings.get("model_type")) != "qwen2_audio":
            raise ModelError(f"model.path={config.path} is no Qwen2-Audio checkpoint; its config.json says {kind!r}")
        self.room = settings.get("text_config", {}).get("max_position_embeddings")
        self.tags = known_tags(self.folder)
        self._require(AUDIO, AUDIO_BOS, AUDIO_EOS)

    def _require(self, *tags: str) -> None:
        if missing := [tag for tag in tags if tag not in self.tags]:
            raise ModelError(f"model.path={self.config.path}: its tokenizer lacks {', '.join(missing)}")

    def check(self, generation: Generation) -> None:
        if self.room is not None and generation.max_new_tokens >= self.room:
            raise ModelError(
                f"generation.max_new_tokens={generation.max_new_tokens}: {self.config.name} has room for {self.room} "
                f"tokens, prompt and answer together"
            )

    def check_text(self, text: str) -> None:
        refuse_marks(text)

    def render(self, prompt: str, request: Request) -> str:
        for tag in TURN_TAGS:
            if tag in prompt:
                raise ModelError(f"the prompt's {tag} is for chats; model=qwen2_audio_instruct writes it by itself")
        self._check_prompt(prompt, request)
        return prompt

    def _check_prompt(self, prompt: str, request: Request) -> None:
        for tag in (AUDIO, AUDIO_BOS, AUDIO_EOS):
            if tag in prompt:
                raise ModelError(f"the prompt has {tag}; the place of a clip is written <audio>1</audio>, or left out")
        check_tags(prompt, self.tags)
        clip_order(prompt, request.clips)

    def fingerprint(self) -> dict[str, str]:
        code = b"".join(Path(str(part.__file__)).read_bytes() for part in (chat, qwen2_audio_encoder, tags))
        return super().fingerprint() | {"model_parts": hashlib.sha256(code).hexdigest()}

    def device_map(self) -> dict[str, str]:
        """The encoder and the table of embeddings on the first device, the layers spread, the head on the last."""
        from transformers import AutoConfig

        text = AutoConfig.from_pretrained(self.folder, local_files_only=True).text_config
        first, last = self.devices[0], self.devices[-1]
        model = "model.language_model."
        early = ("model.audio_tower", "model.multi_modal_projector", model + "embed_tokens", model + "rotary_emb")
        layers = enumerate(spread(text.num_hidden_layers, self.devices))
        placed = dict.fromkeys(early, first) | {f"{model}layers.{number}": device for number, device in layers}
        return placed | {model + "norm": last, "lm_head": last}

    def load(self, device: str) -> None:
        from transformers import Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

        self.load_pretrained(device, Qwen2AudioProcessor, Qwen2AudioForConditionalGeneration)
        self.tokenizer = self.processor.tokenizer
        self.tokenizer.padding_side = "left"  # set after loading: what a checkpoint says of it is not kept
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.audio_token = self.network.config.audio_token_id
        if (told := self.tokenizer.convert_tokens_to_ids(AUDIO)) != self.audio_token:
            raise ModelError(
                f"model.path={self.config.path}: {AUDIO} is token {told} of the tokenizer, and config.json says "
                f"{self.audio_token}"
            )
        self.ends = self._end_tokens()
        self.language_model = self._language_model()

    def _end_tokens(self) -> list[int]:
        """Ids that end an answer: the checkpoint's, or its tokenizer's where it names none."""
        named = self.network.generation_config.eos_token_id
        if named is None:
            named = self.tokenizer.eos_token_id
        if named is None:
            raise ModelError(f"model.path={self.config.path} names no token that ends an answer (eos_token_id)")
        return list(named) if isinstance(named, list) else [named]

    def _language_model(self) -> Any:
        """The network's language model and head as transformers' causal language model, sharing the weights. It
        computes logits of the last position only, where Qwen2AudioForConditionalGeneration computes and keeps those
        of the whole prompt; and it knows nothing of the checkpoint's generation settings."""
        import torch
        from transformers import AutoModelForCausalLM, GenerationConfig

        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(self.network.config.text_config)
        model.model, model.lm_head = self.network.model.language_model, self.network.lm_head
        model.generation_config = GenerationConfig()
        return model.eval()

    def prepare(self, requests: Sequence[Request]) -> Batch:
        orders = [clip_order(request.prompt, len(request.audio)) for request in requests]
        clips = [request.audio[k - 1] for request, order in zip(requests, orders, strict=True) for k in order]
        features = features_of(self.processor.feature_extractor, clips) if clips else None
        rows = iter([count // 2 for count in features.positions] if features else [])
        texts = [CLIP.sub(lambda place: _span(next(rows)), request.prompt) for request in requests]
        # One at a time: padding changes the state of a fast tokenizer, which another thread decodes with meanwhile.
        prompts = [self.tokenizer(text).input_ids for text in texts]
        for request, prompt in zip(requests, prompts, strict=True):
            if self.room is not None and len(prompt) >= self.room:
                raise ValueError(f"{request.id}: a prompt of {len(prompt)} tokens, and there is room for {self.room}")
        return Batch(requests, prompts, [len(order) for order in orders], features)

    def generate(self, batch: Batch, generation: Generation) -> list[Answer]:
        import torch

        with torch.inference_mode():
            if generation.temperature == 0:
                return self._answers(batch, generation)
            answers = []
            for one in batch.one_by_one():  # a draw does not depend on its neighbours
                torch.manual_seed(sample_seed(generation.seed, one.requests[0].id))
                answers += self._answers(one, generation)
            return answers

    def _answers(self, batch: Batch, generation: Generation) -> list[Answer]:
        longest = max(map(len, batch.prompts))
        if self.room is not None and longest + generation.max_new_tokens > self.room:
            left = self.room - generation.max_new_tokens
            raise ValueError(f"a prompt of {longest} tokens; beside {generation.max_new_tokens} new ones, {left} fit")
        embeddings, mask = self._embed(batch)
        margin = margin_for(self.margins, len(batch.requests), generation.temperature)
        rows = self.language_model.generate(
            inputs_embeds=embeddings,
            attention_mask=mask,
            generation_config=self._settings(generation),
            logits_processor=[margin] if margin else None,
        )
        answers = [
            self._answer(row, len(prompt), generation) for row, prompt in zip(rows.tolist(), batch.prompts, strict=True)
        ]
        return [replace(answer, margin=margin.smallest) for answer in answers] if margin else answers

    def first_logits(self, batch: Batch) -> np.ndarray:
        import torch

        with torch.inference_mode():
            embeddings, mask = self._embed(batch)
            positions = (mask.long().cumsum(dim=-1) - 1).clamp(min=0)
            said = self.language_model(
                inputs_embeds=embeddings, attention_mask=mask, position_ids=positions, logits_to_keep=1
            )
            return np.asarray(said.logits[:, -1].float().cpu())

    def _embed(self, batch: Batch) -> tuple[Any, Any]:
        """What the language model reads, padded on the left: embeddings, shape = (n, length, hidden_size), in which
        the projected rows of the clips stand for the AUDIO tokens, and the attention mask, shape = (n, length)."""
        import torch

        padded = self.tokenizer.pad({"input_ids": batch.prompts}, return_tensors="pt").to(self.device)
        embeddings = self.network.get_input_embeddings()(padded.input_ids)
        if batch.features:
            mel = batch.features.mel.to(self.device, self.network.dtype)
            encoded = encode(self.network.model.audio_tower, Features(mel, batch.features.positions))
            rows = self.network.model.multi_modal_projector(torch.cat(encoded))
            heard = (padded.input_ids == self.audio_token)[..., None]
            embeddings = embeddings.masked_scatter(heard, rows.to(embeddings.dtype))
        return embeddings, padded.attention_mask

    def _settings(self, generation: Generation) -> Any:
        """All of how to decode: nothing is left to the checkpoint, whose generation config may sample or penalise."""
        from transformers import GenerationConfig

        sampled = generation.temperature > 0
        return GenerationConfig(
            max_new_tokens=generation.max_new_tokens,
            do_sample=sampled,
            temperature=generation.temperature if sampled else None,
            top_p=generation.top_p if sampled else None,
            top_k=0 if sampled else None,
            eos_token_id=self.ends,
            pad_token_id=self.tokenizer.pad_token_id,
        )

    def _answer(self, row: list[int], prompt_tokens: int, generation: Generation) -> Answer:
        end = next((place for place, token in enumerate(row) if token in self.ends), None)
        tokens = row[:end]
        text = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Answer(
            text=text.strip(),
            prompt_tokens=prompt_tokens,
            new_tokens=len(tokens),
            hit_max_new_tokens=len(tokens) >= generation.max_new_tokens,
        )


class Qwen2AudioInstruct(Qwen2Audio):
    """The chat model: a prompt of either style is the user's turn, put into the checkpoint's chat template."""

    prompt_styles = ("chat", "plain")
    options = {"system": "You are a helpful assistant."}

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self._require(*TURN_TAGS)
        if not isinstance(self.option("system"), str):
            raise ModelError(f"model.options.system={self.option('system')}: it is a text; two quotes say none")
        self.template = chat.template_of(self.folder)

    def render(self, prompt: str, request: Request) -> str:
        for tag in TURN_TAGS:
            if tag in prompt:
                raise ModelError(f"the prompt has {tag}, which the chat template writes by itself")
        self._check_prompt(prompt, request)
        order = clip_order(prompt, request.clips)
        if not CLIP.search(prompt):
            prompt = "".join(f"<audio>{number}</audio>" for number in order) + prompt
        chatted = chat.render(self.template, self.option("system"), chat.contents(prompt))
        parts = chatted.split(f"{AUDIO_BOS}{AUDIO}{AUDIO_EOS}")
        if len(parts) != len(order) + 1:
            raise ModelError(f"the chat template of {self.config.path} writes no {AUDIO} for a clip")
        places = [f"<audio>{number}</audio>" for number in order]
        return parts[0] + "".join(place + text for place, text in zip(places, parts[1:], strict=True))

    def _end_tokens(self) -> list[int]:
        return sorted({*super()._end_tokens(), self.tokenizer.convert_tokens_to_ids(TURN_TAGS[1])})


def _span(rows: int) -> str:
    """A clip in the prompt's text. Raises ValueError for a clip that leaves no row."""
    if not rows:
        raise ValueError("a clip is too short: it has no row for the language model, for which it needs 30 ms")
    return f"{AUDIO_BOS}{AUDIO * rows}{AUDIO_EOS}"
