"""The tags `<|…|>` that a checkpoint's tokenizer knows as one token, and the places of clips in a prompt."""

import json
from pathlib import Path
from typing import Any

from evaluate.models.base import ModelError
from evaluate.models.qwen_audio.tags import TAG
from evaluate.models.qwen_audio.tokenizer import CLIP


def known_tags(folder: Path) -> set[str]:
    """The tags of a checkpoint's tokenizer, from its files, without loading it: every added token `<|…|>`, and those
    that its settings list by name. Raises ModelError for a file that is not JSON."""
    tokenizer, settings = _read(folder / "tokenizer.json"), _read(folder / "tokenizer_config.json")
    added = [*tokenizer.get("added_tokens", []), *settings.get("added_tokens_decoder", {}).values()]
    for key in ("additional_special_tokens", "extra_special_tokens"):
        listed = settings.get(key) or []
        added += listed.values() if isinstance(listed, dict) else listed
    names = [entry["content"] if isinstance(entry, dict) else entry for entry in added]
    names += _read(folder / "added_tokens.json")
    return {name for name in names if TAG.fullmatch(name)}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ModelError(f"{path} is not an object of JSON")
    return found


def clip_order(prompt: str, clips: int) -> list[int]:
    """The numbers of the clips, from 1, in the order in which the prompt places them as `<audio>K</audio>`; all of them
    in their own order where it places none. Raises ModelError for a clip that is not there, or that is left out."""
    places = CLIP.findall(prompt)
    if not places:
        return list(range(1, clips + 1))
    for place in places:
        if not (place.isdecimal() and 1 <= int(place) <= clips):
            raise ModelError(f"the prompt places <audio>{place}</audio>, and the clips are numbered 1 to {clips}")
    if left_out := sorted(set(range(1, clips + 1)) - set(map(int, places))):
        raise ModelError(f"the prompt places some of its {clips} clips, but not <audio>{left_out[0]}</audio>")
    return [int(place) for place in places]
