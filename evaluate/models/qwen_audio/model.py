"""Qwen-Audio, spoken to by tags, and Qwen-Audio-Chat, spoken to in turns, behind the seam of ``base.py``."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from evaluate.config import Generation, ModelConfig
from evaluate.models import tags
from evaluate.models.base import Answer, Checkpoint, Model, ModelError, Request, hear_transformers, sample_seed
from evaluate.models.margin import Margin, margin_for
from evaluate.models.qwen_audio.chat import TAIL, Turn, clip_line, encode_context, head_text, history_of
from evaluate.models.qwen_audio.config import read_architecture, read_generation
from evaluate.models.qwen_audio.features import Query, clip_features
from evaluate.models.qwen_audio.tokenizer import (
    CONTROL,
    END,
    TURN_END,
    TURN_START,
    Encoded,
    Tokenizer,
    audio_tags,
    special_tokens,
)
from evaluate.models.tags import CLIP, CLIP_END, CLIP_START, check_tags, clip_order, clips_named, refuse_marks

LOG = logging.getLogger(__name__)
Entry = tuple[Request, Query]
"""A request, and what the network gets of it."""


class QwenAudio(Model):
    """The base model: tags say the task, the answer keeps its special tokens, as its paper scored it.

    A prompt names its clips as ``<audio>K</audio>``; where it names none, all stand in front of it.
    """

    prompt_styles: ClassVar[tuple[str, ...]] = ("qwen_audio",)
    max_seconds = 30.0
    needs_clips = False
    can_split = True
    preload = ("torch", "safetensors.torch", "transformers.modeling_utils", "evaluate.models.qwen_audio.network")
    chat_format = "raw"
    """What the checkpoint's generation_config.json calls its kind."""
    name_of_kind = "the base model Qwen-Audio, model=qwen_audio"
    keeps_special = True
    min_new_tokens = 1
    """As in the published evaluation: an answer does not end before it begins."""

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.checkpoint = Checkpoint(config.path or "?", config.revision)
        self.folder = self.checkpoint.folder()
        self.architecture = read_architecture(self.folder)
        self.settings = read_generation(self.folder)
        self._check_kind()
        if not (self.folder / "qwen.tiktoken").is_file():
            raise ModelError(f"model.path={config.path} has no qwen.tiktoken, the vocabulary of every Qwen-Audio")

    def _check_kind(self) -> None:
        """Base and Chat have the same tensors; only generation_config.json tells them apart."""
        kinds = {kind.chat_format: kind for kind in (QwenAudio, QwenAudioChat)}
        said = self.settings.get("chat_format")
        if said is None or said == self.chat_format:
            return
        what = (
            f"is {kinds[said].name_of_kind}"
            if isinstance(said, str) and said in kinds
            else "is of a kind that is not known"
        )
        raise ModelError(
            f"model.path={self.config.path} {what} (its generation_config.json says chat_format {said!r}), and it was "
            f"asked for as {self.name_of_kind}"
        )

    def check(self, generation: Generation) -> None:
        if generation.max_new_tokens >= self.architecture.max_length:
            raise ModelError(
                f"generation.max_new_tokens={generation.max_new_tokens}: {self.config.name} has room for less than "
                f"{self.architecture.max_length} tokens with the prompt"
            )

    def check_text(self, text: str) -> None:
        refuse_marks(text)

    def render(self, prompt: str, request: Request) -> str:
        check_tags(prompt, special_tokens())
        order = clip_order(prompt, request.clips)
        front = "" if CLIP_START in prompt else "".join(f"{CLIP_START}{number}{CLIP_END}" for number in order)
        return front + prompt

    def fingerprint(self) -> dict[str, str]:
        sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(str(tags.__file__))]
        digest = hashlib.sha256(b"\0".join(source.name.encode() + b"\0" + source.read_bytes() for source in sources))
        return super().fingerprint() | self.checkpoint.fingerprint() | {"qwen_audio_code": digest.hexdigest()}

    def load(self, device: str) -> None:
        import torch

        hear_transformers()
        from evaluate.models.qwen_audio.weights import load_network

        if "chat_format" not in self.settings:
            LOG.warning("the checkpoint's generation_config.json does not say chat_format; taken as asked")
        self.tokenizer = Tokenizer.read(self.folder, self.architecture)
        dtype = getattr(torch, self.config.dtype.name)
        self.network = load_network(self.folder, self.architecture, [device, *self.devices[1:]], dtype)

    def prepare(self, requests: Sequence[Request]) -> list[Entry]:
        return [
            (request, self.query(request.audio, lambda rows, request=request: self.encode(request, rows)))  # type: ignore[misc]
            for request in requests
        ]

    def query(self, clips: Sequence[np.ndarray], encode: Callable[[Mapping[str, int]], Encoded]) -> Query:
        """A prompt as ids and features; ``encode`` is given the encoder's rows per clip, by number."""
        heard = [clip_features(samples, self.architecture.mels) for samples in clips]
        encoded = encode({str(place + 1): clip.length.rows for place, clip in enumerate(heard)})
        return Query(encoded.ids, encoded.starts, [heard[int(name) - 1] for name in encoded.clips])

    def encode(self, request: Request, rows: Mapping[str, int]) -> Encoded:
        """The prompt's ids."""
        return self.tokenizer.encode(request.prompt, rows)

    def generate(self, batch: list[Entry], generation: Generation) -> list[Answer]:
        margin = margin_for(self.margins, len(batch), generation.temperature)
        if generation.temperature == 0:
            said = self.new_tokens([query for _, query in batch], generation, margin=margin)
        else:  # one by one: a draw does not depend on its neighbours
            said = [
                self.new_tokens([query], generation, sample_seed(generation.seed, request.id))[0]
                for request, query in batch
            ]
        answers = [self._answer(query, tokens) for (_, query), tokens in zip(batch, said, strict=True)]
        return [replace(answer, margin=margin.smallest) for answer in answers] if margin else answers

    def new_tokens(
        self, queries: Sequence[Query], generation: Generation, seed: int = 0, margin: Margin | None = None
    ) -> list[list[int]]:
        """What the network says to each query, with the token that ends it. Raises ValueError where it has no room."""
        room = self.architecture.max_length - generation.max_new_tokens
        if (longest := max(len(query.ids) for query in queries)) > room:
            raise ValueError(f"a prompt of {longest} tokens; beside {generation.max_new_tokens} new ones, {room} fit")
        from evaluate.models.qwen_audio.decoding import Decoding, generate

        special = self.tokenizer.special
        asked = Decoding(
            max_new_tokens=generation.max_new_tokens,
            end=special[END],
            min_new_tokens=self.min_new_tokens,
            stops=tuple((token,) for token in self.ends if token != special[END]),
            vocabulary=len(self.tokenizer),
            temperature=generation.temperature,
            top_p=generation.top_p,
            seed=seed,
        )
        return generate(self.network, queries, asked, margin)

    def first_logits(self, batch: list[Entry]) -> np.ndarray:
        import torch

        from evaluate.models.qwen_audio.decoding import Stream

        with torch.inference_mode():
            return np.asarray(Stream(self.network, [query for _, query in batch], 1).first().cpu())

    @property
    def ends(self) -> tuple[int, ...]:
        """The tokens that end an answer."""
        return (self.tokenizer.special[END],)

    def before_end(self, tokens: Sequence[int]) -> list[int]:
        """New tokens up to the first that ends an answer."""
        end = next((place for place, token in enumerate(tokens) if token in self.ends), len(tokens))
        return list(tokens[:end])

    def _answer(self, query: Query, tokens: Sequence[int]) -> Answer:
        said = self.before_end(tokens)
        return Answer(
            text=self.tokenizer.decode(said, skip_special=not self.keeps_special).strip(),
            prompt_tokens=len(query.ids),
            new_tokens=len(said),
            hit_max_new_tokens=len(said) == len(tokens),
        )


class QwenAudioChat(QwenAudio):
    """The instruction model: a conversation in ChatML, each clip as ``Audio K:`` on a line before the text.

    Earlier turns come from a sample's field ``history``, ``[[query, answer], ...]``; they name clips as
    ``<audio>K</audio>``, and the sample's other clips belong to the new question. A history is the model's own
    conversation, so its audio tags are read as tags, and ``<|im_end|>`` and its kind are text in it. In a new question,
    a sample's own text may hold no part of a tag.
    """

    prompt_styles = ("chat",)
    chat_format = "chatml"
    name_of_kind = "Qwen-Audio-Chat, model=qwen_audio_chat"
    keeps_special = False
    min_new_tokens = 0
    options = {
        "system": "You are a helpful assistant.",
        "window": None,  # tokens of system prompt and history; null: the checkpoint's max_window_size, else 6144
    }

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.system = self.option("system")
        if not isinstance(self.system, str):
            raise ModelError(f"model.options.system={self.system}: it is a text; two quotes say none")
        check_tags(self.system, audio_tags())
        self.window = self.option("window")
        if self.window is None:
            self.window = self.settings.get("max_window_size") or 6144
        if type(self.window) is not int or self.window < 1:
            raise ModelError(f"model.options.window={self.window}: it is a number of tokens, at least 1")

    def render(self, prompt: str, request: Request) -> str:
        if said := [tag for tag in CONTROL if tag in prompt]:
            raise ModelError(f"the prompt has {said[0]}, which belongs to the turns that the model's class makes")
        check_tags(prompt, audio_tags())
        turns = self._turns(request)
        told = [text for turn in turns for text in turn if text]
        named = clips_named("\n".join(told) + prompt, request.clips)
        for text in told:
            check_tags(text, special_tokens())
        fresh = [place + 1 for place in range(request.clips) if place + 1 not in named]
        lines = "".join(clip_line(place, number) for place, number in enumerate(fresh, 1))
        return head_text(self.system, turns) + lines + prompt + TAIL

    def encode(self, request: Request, rows: Mapping[str, int]) -> Encoded:
        turns = self._turns(request)
        query = request.prompt.removeprefix(head_text(self.system, turns)).removesuffix(TAIL)
        return self.encode_turns(turns, query, rows, f"sample {request.id}")

    def encode_turns(self, turns: Sequence[Turn], query: str, rows: Mapping[str, int], where: str) -> Encoded:
        """Ids of a conversation whose texts name clips by number; says so where the window cuts its beginning."""
        encoded, dropped = encode_context(self.tokenizer, self.system, turns, query, rows, self.window)
        if dropped:
            LOG.warning("%s: its %d oldest turns do not fit model.options.window=%d", where, dropped, self.window)
        return encoded

    @staticmethod
    def _turns(request: Request) -> list[Turn]:
        turns = history_of(request.fields, f"sample {request.id}")
        if request.clips:
            return turns
        return [(CLIP.sub("", asked), answered and CLIP.sub("", answered)) for asked, answered in turns]

    @property
    def ends(self) -> tuple[int, ...]:
        return tuple(self.tokenizer.special[name] for name in (END, TURN_END, TURN_START))
