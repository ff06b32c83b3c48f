"""Chats: one turn of a user, with clips, put into a checkpoint's chat template."""

import json
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from evaluate.models.base import ModelError, read_json
from evaluate.models.tags import CLIP

CHATML = (
    "{% set clips = namespace(heard=0) %}"
    "{% for message in messages %}"
    "<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}"
    "{{ message.content }}"
    "{% else %}"
    "{% for part in message.content %}"
    "{% if part.type == 'audio' %}"
    "{% set clips.heard = clips.heard + 1 %}"
    "Audio {{ clips.heard }}: <|audio_bos|><|AUDIO|><|audio_eos|>\n"
    "{% else %}"
    "{{ part.text }}"
    "{% endif %}"
    "{% endfor %}"
    "{% endif %}"
    "<|im_end|>\n"
    "{% endfor %}"
    "{{ '<|im_start|>assistant\n' }}"  # Jinja drops a template's own last newline
)
"""What Qwen2-Audio-Instruct was trained on, for a checkpoint without a template of its own."""


def template_of(folder: Path) -> str:
    """The chat template of a checkpoint's processor, from where transformers keeps it; CHATML where there is none.
    Raises ModelError for a file that is not what it should be."""
    if (path := folder / "chat_template.jinja").is_file():
        return path.read_text("utf-8")
    for name in ("chat_template.json", "processor_config.json"):
        found = read_json(folder / name).get("chat_template")
        if isinstance(found, dict):
            found = found.get("default")
        if isinstance(found, str):
            return found
    return CHATML


def contents(prompt: str) -> list[dict[str, str]]:
    """A prompt with places `<audio>K</audio>` as the parts of a message, in order."""
    parts = []
    for index, piece in enumerate(CLIP.split(prompt)):  # text, number, text, number, ... text
        if index % 2:
            parts.append({"type": "audio", "audio_url": f"clip {piece}"})
        elif piece:
            parts.append({"type": "text", "text": piece})
    return parts


def render(template: str, system: str, parts: list[dict[str, str]]) -> str:
    """The chat up to where the assistant begins. Raises ModelError where the template does not take it."""
    from jinja2 import TemplateError

    messages = [{"role": "system", "content": system}, {"role": "user", "content": parts}]
    try:
        return _compiled(template).render(messages=messages, add_generation_prompt=True)
    except (TemplateError, TypeError, ValueError) as error:
        raise ModelError(f"the checkpoint's chat template cannot be rendered: {error}") from None


@cache
def _compiled(template: str) -> Any:
    """In a sandbox, with the settings of transformers for chat templates and fewer helpers: no clock, since a prompt
    that changes overnight is no prompt to compare models by, and no dict to reach around the sandbox with."""
    from jinja2 import TemplateError
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from jinja2.utils import Namespace

    class PlainNamespace(Namespace):
        """Holds no underscored names, by which a template could reach the interpreter."""

        def __setitem__(self, name: str, value: Any) -> None:
            if name.startswith("_"):
                raise SecurityError(f"a namespace with {name}")
            super().__setitem__(name, value)

    def namespace(**values: Any) -> Namespace:
        made = PlainNamespace()
        for name, value in values.items():
            made[name] = value
        return made

    def refuse(message: str) -> NoReturn:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals = {"namespace": namespace, "raise_exception": refuse, "range": environment.globals["range"]}
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(template)
