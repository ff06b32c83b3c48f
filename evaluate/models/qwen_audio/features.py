"""Log-mel features of a clip, made on the clip and not on 30 s, and the lengths that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from evaluate.audio import SAMPLE_RATE
from evaluate.models.base import ModelError

HOP = 160
"""Samples from one mel frame to the next: 10 ms."""
MAX_SAMPLES = 30 * SAMPLE_RATE
"""More is not heard."""
MIN_SAMPLES = 480
"""30 ms: what less has no row for the language model."""
MARGIN = 480
"""Zeros after the clip that reach every frame that its samples, or the convolutions at its end, can see."""


@dataclass(frozen=True)
class Length:
    """How long a clip is in the network."""

    frames: int
    """T: positions in the encoder, 20 ms each."""
    rows: int
    """n: embeddings for the language model, 40 ms each; with those of the two tags, n + 2 tokens."""

    @classmethod
    def of(cls, samples: int) -> "Length":
        mel = min(samples, MAX_SAMPLES) // HOP
        frames = (mel + 1) // 2
        return cls(frames, frames // 2)


@dataclass(frozen=True)
class Clip:
    """What the encoder hears of a clip."""

    mel: np.ndarray
    """float32, shape = (n_mels, n_frames): the frames that the clip's samples reach, and one or two after them."""
    length: Length


@dataclass(frozen=True)
class Query:
    """A prompt ready for the network."""

    ids: list[int]
    starts: list[int]
    """Per clip, the index in ``ids`` of its <audio>."""
    clips: Sequence[Clip]


def clip_features(samples: np.ndarray, mels: int) -> Clip:
    """Features of samples, float32, shape = (n_samples,), 16 kHz mono. Raises ModelError for less than 30 ms.

    As Whisper's: frames of 25 ms each 10 ms, power, log10, a floor 8 below the loudest value, (x + 4) / 4. The frames
    are those of the clip padded to 30 s, since zeros raise no maximum and nothing else reaches back.
    """
    if len(samples) < MIN_SAMPLES:
        raise ModelError(f"a clip of {len(samples)} samples is too short: 30 ms ({MIN_SAMPLES} samples) is the least")
    heard = np.asarray(samples[:MAX_SAMPLES], dtype=np.float32)
    heard = np.pad(heard, (0, min(MARGIN, MAX_SAMPLES - len(heard))))
    features = _extractor(mels)(heard, sampling_rate=SAMPLE_RATE, padding=False, truncation=False, return_tensors="np")
    return Clip(features["input_features"][0], Length.of(len(samples)))


@cache
def _extractor(mels: int) -> Any:
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=mels)
