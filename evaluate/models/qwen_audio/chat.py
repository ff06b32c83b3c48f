"""Conversations with Qwen-Audio-Chat: turns in ChatML, with the newest of the history that fits a window.

model = QwenAudioChat(ModelConfig(_target_="", name="chat", path="Qwen-Audio-Chat"))
model.load("cuda:0")
answer, history = chat(model, [{"audio": "street.wav"}, {"text": "What is heard?"}])
answer, history = chat(model, "At what second does the bell ring?", history)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets_prep.manifest import Clip
from evaluate import audio
from evaluate.config import Generation
from evaluate.models.base import ModelError, sample_seed
from evaluate.models.qwen_audio.tokenizer import TURN_END, TURN_START, Encoded, Tokenizer, special_tokens
from evaluate.models.tags import CLIP, CLIP_END, CLIP_START, check_tags

if TYPE_CHECKING:
    from evaluate.models.qwen_audio.model import QwenAudioChat

Turn = tuple[str, str | None]
"""What was asked, and what was answered."""
Part = Mapping[str, Any]
"""``{"audio": path or samples at 16 kHz}`` or ``{"text": ...}``."""
Asked = str | Sequence[Part]
"""A text, in which a clip stands as ``<audio>PATH</audio>``, or parts in their order."""


def clip_line(number: int, name: object) -> str:
    """How a clip is put before a text: number counts from 1, name is what stands between the tags."""
    return f"Audio {number}:{CLIP_START}{name}{CLIP_END}\n"


TAIL = f"{TURN_END}\n{TURN_START}assistant\n"
"""What follows a query: the model's answer begins after it."""


def head_text(system: str, turns: Sequence[Turn]) -> str:
    """A conversation as the model reads it, up to where a new query begins; with the query and ``TAIL`` it is whole."""
    text = f"{TURN_START}system\n{system}{TURN_END}"
    for asked, answered in turns:
        text += f"\n{TURN_START}user\n{asked}{TURN_END}\n"
        text += "" if answered is None else f"{TURN_START}assistant\n{answered}{TURN_END}"
    return f"{text}\n{TURN_START}user\n"


def encode_context(
    tokenizer: Tokenizer, system: str, turns: Sequence[Turn], query: str, rows: Mapping[str, int], window: int
) -> tuple[Encoded, int]:
    """Ids of a conversation, and how many of its oldest turns were left out.

    A turn is kept while system, this and all newer turns are fewer than ``window`` tokens, the query not counted.
    ``rows`` holds the encoder's rows per name of a clip. Within a turn, only the audio model's tags are tags.
    """
    newline = tokenizer.encode("\n")

    def said(role: str, text: str) -> Encoded:
        inner = tokenizer.encode(role) + newline + tokenizer.encode(text, rows, all_tags=False)
        return tokenizer.encode(TURN_START) + inner + tokenizer.encode(TURN_END)

    first = said("system", system)
    kept, size, dropped = Encoded([], [], []), len(first.ids), len(turns)
    for asked, answered in reversed(turns):
        turn = newline + said("user", asked) + newline
        turn += Encoded([], [], []) if answered is None else said("assistant", answered)
        size += len(turn.ids)
        if size >= window:
            break
        kept, dropped = turn + kept, dropped - 1
    opening = tokenizer.encode(TURN_START) + tokenizer.encode("assistant") + newline
    return first + kept + newline + said("user", query) + newline + opening, dropped


def history_of(fields: Mapping[str, Any], where: str) -> list[Turn]:
    """The turns in a sample's field ``history``, ``[[query, answer], ...]``; answers may be null. Raises ModelError."""
    turns = fields.get("history") or []
    fits = isinstance(turns, list) and all(
        isinstance(turn, list) and len(turn) == 2 and isinstance(turn[0], str) and isinstance(turn[1], str | None)
        for turn in turns
    )
    if not fits:
        raise ModelError(
            f"{where}: its field 'history' is a list of [query, answer], both texts, an answer may be null"
        )
    return [(asked, answered) for asked, answered in turns]


def chat(
    model: "QwenAudioChat",
    query: Asked,
    history: Sequence[tuple[Asked, str | None]] = (),
    generation: Generation | None = None,
) -> tuple[str, list[tuple[Asked, str | None]]]:
    """Ask a loaded model; returns its answer, special tokens as text in it, and the history with this turn.

    Greedy unless ``generation`` says otherwise; 512 new tokens at most. Clips are decoded again in each turn, from
    what the history holds. Raises ModelError for a query that cannot be read, AudioError for a clip.
    """
    clips: list[np.ndarray] = []
    turns = [(_numbered(asked, clips), answered) for asked, answered in history]
    text = _numbered(query, clips)
    check_tags(text, special_tokens())
    prompt = model.query(clips, lambda rows: model.encode_turns(turns, text, rows, "this chat"))
    generation = generation or Generation(max_new_tokens=512)
    [tokens] = model.new_tokens([prompt], generation, sample_seed(generation.seed, f"turn {len(history)}"))
    answer = model.tokenizer.decode(model.before_end(tokens)).strip()
    return answer, [*history, (query, answer)]


def _numbered(asked: Asked, clips: list[np.ndarray]) -> str:
    """A query as text that names clips by number; its clips are added to the others."""

    def number(sound: str | Path | np.ndarray) -> int:
        clips.append(_checked(sound) if isinstance(sound, np.ndarray) else audio.load(Clip(str(sound)), Path()).samples)
        return len(clips)

    if isinstance(asked, str):
        return CLIP.sub(lambda found: f"{CLIP_START}{number(found[1])}{CLIP_END}", asked)
    text, sounds = "", 0
    for part in asked:
        if "audio" in part:
            sounds += 1
            text += clip_line(sounds, number(part["audio"]))
        elif "text" in part:
            text += _numbered(part["text"], clips)
        else:
            raise ModelError(f"a part of a query is {{'audio': ...}} or {{'text': ...}}, not {dict(part)!r}")
    return text


def _checked(samples: np.ndarray) -> np.ndarray:
    if samples.ndim != 1 or samples.dtype.kind != "f" or not np.isfinite(samples).all():
        raise ModelError(
            f"a clip given as an array is of finite floats, 16 kHz mono, shape = (n_samples,); this one is "
            f"{samples.dtype}, shape = {samples.shape}"
        )
    return samples.astype(np.float32)
