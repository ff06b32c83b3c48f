"""The small Qwen-Audio that comes with the project: the released checkpoint's own classes, on a folder of this one."""

from dataclasses import replace
from pathlib import Path

from evaluate.config import ModelConfig
from evaluate.models.qwen_audio.model import QwenAudio, QwenAudioChat

FOLDER = Path(__file__).parent / "checkpoint"
"""In the official layout, with its card; the same weights follow tags and chat in turns."""


class TinyQwenAudio(QwenAudio):
    """Spoken to by tags; for tests and demonstrations in plain words too, which it has not learned."""

    prompt_styles = ("qwen_audio", "plain")

    def __init__(self, config: ModelConfig):
        super().__init__(here(config))


class TinyQwenAudioChat(QwenAudioChat):
    """Spoken to in turns."""

    def __init__(self, config: ModelConfig):
        super().__init__(here(config))


def here(config: ModelConfig) -> ModelConfig:
    """The configuration with the project's own folder where it names none."""
    return config if config.path else replace(config, path=str(FOLDER))
