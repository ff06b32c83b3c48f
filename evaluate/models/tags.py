"""Tags in prompts: what a model would read as more than text must be known, whole, and written by the task.

A tag that the tokenizer does not know is cut into plain pieces without a word, and the answers are worse for no visible
reason; so it is an error, before the model loads.
"""

import re
import unicodedata
from collections.abc import Collection
from pathlib import Path

from evaluate.models.base import ModelError, read_json
from metrics.base import nearest

TAG = re.compile(r"<\|[^<>|]*\|>")
CLIP_START, CLIP_END = "<audio>", "</audio>"
CLIP = re.compile("<audio>(.*?)</audio>")
"""A clip in a text: what it is called stands between the tags."""
PLACE = "[[[AUDIO:modality]]]"
"""Qwen-Audio's token for a row of its encoder, written without bars."""
FEW = 50
"""Known tags up to this number are listed where none is near."""
MARKS = ("<|", "|>", CLIP_START, CLIP_END, PLACE)
"""What tags begin and end with, and the special tokens that look otherwise."""


def refuse_marks(text: str) -> None:
    """Raise ModelError for a sample's own text with a mark of a tag in it: a question must not steer the model."""
    for mark in MARKS:
        if mark in unicodedata.normalize("NFC", text):
            raise ModelError(
                f"its text holds '{mark}', which the model would read as a tag; tags are put by the task's prompt, "
                f"where <|{{name}}|> takes a name from a sample"
            )


def check_tags(prompt: str, known: Collection[str]) -> None:
    """Raise ModelError for a ``<|...|>`` that is none of the known tags, and for half of one."""
    text = unicodedata.normalize("NFC", prompt)
    for tag in TAG.findall(text):
        if tag not in known:
            raise ModelError(f"the prompt's {tag} is no tag of this model{_nearest(tag, known)}")
    rest = CLIP.sub("", TAG.sub("", text))
    for mark in MARKS:
        if mark in rest:
            raise ModelError(f"the prompt has a '{mark}' that is no part of a tag: {_around(rest, mark)!r}")


def clips_named(prompt: str, clips: int) -> set[int]:
    """The numbers of the clips that a prompt names. Raises ModelError for one that the sample does not have, and for
    a tag of a clip that stands alone."""
    named = set()
    if alone := [mark for mark in (CLIP_START, CLIP_END, PLACE) if mark in CLIP.sub("", prompt)]:
        raise ModelError(f"the prompt has a '{alone[0]}' that names no clip; clip 1 is {CLIP_START}1{CLIP_END}")
    for name in CLIP.findall(prompt):
        if name not in map(str, range(1, clips + 1)):
            raise ModelError(
                f"the prompt names the clip {CLIP_START}{name}{CLIP_END}, and the sample has "
                f"{f'1 to {clips}' if clips > 1 else 'clip 1 only' if clips else 'none'}"
            )
        named.add(int(name))
    return named


def clip_order(prompt: str, clips: int) -> list[int]:
    """The numbers of the clips, from 1, in the order in which the prompt names them; all of them in their own order
    where it names none. Raises ModelError for a clip that the sample does not have, or that is left out."""
    named = clips_named(prompt, clips)
    if named and (silent := set(range(1, clips + 1)) - named):
        raise ModelError(f"the prompt names some of its {clips} clips, and not <audio>{min(silent)}</audio>")
    return [int(name) for name in CLIP.findall(prompt)] or list(range(1, clips + 1))


def known_tags(folder: Path) -> set[str]:
    """The tags of a checkpoint's tokenizer, from its files, without loading it: every added token `<|…|>`, and those
    that its settings list by name. Raises ModelError for a file that is not JSON."""
    tokenizer, settings = read_json(folder / "tokenizer.json"), read_json(folder / "tokenizer_config.json")
    added = [*tokenizer.get("added_tokens", []), *settings.get("added_tokens_decoder", {}).values()]
    for key in ("additional_special_tokens", "extra_special_tokens"):
        listed = settings.get(key) or []
        added += listed.values() if isinstance(listed, dict) else listed
    names = [entry["content"] if isinstance(entry, dict) else entry for entry in added]
    names += read_json(folder / "added_tokens.json")
    return {name for name in names if TAG.fullmatch(name)}


def _nearest(tag: str, known: Collection[str]) -> str:
    """Names between the bars are compared, which all tags have in common."""
    hint = nearest(tag.strip("<|>"), [name.strip("<|>") for name in known if TAG.fullmatch(name)])
    if not hint.startswith("; did you mean") and len(known) > FEW:
        return ""  # thousands of times and pitches help nobody
    return re.sub(r"did you mean '(.*)'\?", r"did you mean <|\1|>?", hint)


def _around(text: str, mark: str) -> str:
    place = text.index(mark)
    return text[max(0, place - 20) : place + 20]
