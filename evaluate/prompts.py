"""Prompts: a task's template for a model's style, filled from a sample."""

import string
from collections.abc import Callable, Mapping
from typing import Any

from datasets_prep.manifest import Sample
from evaluate.config import Task
from evaluate.models.base import Model, ModelError, Request, UnsuitedError
from evaluate.models.tags import CLIP
from metrics.base import nearest

LANGUAGE_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "cy": "Welsh", "da": "Danish",
    "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian",
    "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian",
    "mn": "Mongolian", "ms": "Malay", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian",
    "ur": "Urdu", "vi": "Vietnamese", "yue": "Cantonese", "zh": "Mandarin",
}  # fmt: skip
"""English names by ISO 639 code, for prompts that name a language in words."""


STYLES = ("qwen_audio", "qwen2_audio", "chat", "plain", "whisper")
"""The styles that the tasks of this project speak; a model of one's own may bring another."""


class PromptError(ValueError):
    """A prompt that cannot be made; one sentence, before the model is loaded."""


def template_of(task: Task, model: Model) -> tuple[str, str]:
    """The style and the template: the first of the model's styles that the task has a prompt for, or UnsuitedError."""
    for style in model.prompt_styles:
        if style in task.prompt:
            return style, task.prompt[style]
    raise UnsuitedError(
        f"no prompt for model {model.config.name}, which is spoken to as {' or '.join(model.prompt_styles)}; "
        f"it has {', '.join(task.prompt) or 'none'} (a task's YAML may have one)"
    )


def check_styles(task: Task, model: Model) -> None:
    """Raise PromptError for a prompt style that no model has: a slip of the pen would be a dead prompt, or
    a dead setting, silently."""
    known = sorted({*STYLES, *model.prompt_styles})
    for key, styles in (("prompt", task.prompt), ("generation_for", task.generation_for)):
        for style in styles:
            if style not in known:
                raise PromptError(
                    f"{key} of task {task.name}: no model has the prompt style '{style}'{nearest(style, known)}"
                )


def render(sample: Sample, task: Task, model: Model, with_clips: bool = True) -> Request:
    """A sample as a request to a model, or its words alone. Raises PromptError; UnsuitedError where the model cannot do
    the task."""
    _, template = template_of(task, model)
    language = task.language or _text(sample, "language")
    target = task.target_language or _text(sample, "target_language")
    request = Request(
        id=sample.id,
        prompt="",
        language=language,
        target_language=target,
        fields=sample.fields,
        clips=len(sample.audio) if with_clips else 0,
    )
    values = _values(sample, task, language, target)
    prompt = fill(template, values, f"task {task.name}, sample {sample.id}", model.check_text)
    prompt = prompt if with_clips else CLIP.sub("", prompt)
    try:
        rendered = model.render(prompt, request)
    except UnsuitedError:
        raise
    except ModelError as error:
        raise PromptError(f"task {task.name}: {error}") from None
    if "<audio>" not in rendered:
        rendered = "".join(f"<audio>{number}</audio>" for number in range(1, request.clips + 1)) + rendered
    if not rendered.strip():
        raise PromptError(f"task {task.name}, sample {sample.id}: without clips there is nothing to ask")
    return Request(**{**request.__dict__, "prompt": rendered})


def fill(template: str, values: Mapping[str, Any], where: str, check: Callable[[str], None] = lambda text: None) -> str:
    """Put values into ``{name}`` places; ``{{`` and ``}}`` are braces. Raises PromptError for a name without a value,
    for anything but a plain name, and for a value whose text ``check`` refuses with a ModelError."""
    pieces = []
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise PromptError(f"{where}: the prompt {template!r} is no template ({error})") from None
    for text, name, form, conversion in parsed:
        pieces.append(text)
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise PromptError(f"{where}: the prompt has {{{name}}}; a place is a plain {{name}}, a brace is {{{{")
        if values.get(name) is None:
            if name.removesuffix("_name") in ("language", "target_language"):
                hint = f" (task.{name.removesuffix('_name')} sets it for all)"
            else:
                hint = nearest(name, [key for key, value in values.items() if value is not None])
            raise PromptError(f"{where}: the prompt needs {{{name}}}, which the sample lacks{hint}")
        worded = _worded(values[name])
        try:
            check(worded)
        except ModelError as error:
            raise PromptError(f"{where}, {{{name}}}: {error}") from None
        pieces.append(worded)
    return "".join(pieces)


def _values(sample: Sample, task: Task, language: str | None, target: str | None) -> dict[str, Any]:
    choices = sample.fields.get("choices")
    if isinstance(choices, list):
        choices = dict(zip(string.ascii_uppercase, choices, strict=False))
    return {
        **sample.fields,
        "choices": choices,
        "options": f"\n{_worded(choices)}" if choices else "",
        "language": language,
        "target_language": target,
        "language_name": LANGUAGE_NAMES.get(language or ""),
        "target_language_name": LANGUAGE_NAMES.get(target or ""),
        "labels": task.labels,
    }


def _worded(value: Any) -> str:
    """Lettered options a line each, ``A. one``; a list with commas; anything else its text."""
    if isinstance(value, Mapping):
        return "\n".join(f"{letter}. {text}" for letter, text in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


def _text(sample: Sample, field: str) -> str | None:
    value = sample.fields.get(field)
    if value is not None and not isinstance(value, str):
        raise PromptError(f"sample {sample.id}: '{field}' must be a text such as en, not {value!r}")
    return value or None
