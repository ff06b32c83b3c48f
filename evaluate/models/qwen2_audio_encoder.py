"""Qwen2-Audio's encoder on the clips as long as they are, with the rows that it computes on 30 s.

Transformers pads every clip with zeros to 30 s, 3000 mel frames, which the encoder's blocks then run through. A clip of
T positions (two frames each) attends to nothing beyond them, so it is enough to compute the longest T of a batch; only
the convolutions look further, at two frames of the zeros that follow. Blocks, weights and order are transformers' own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluate.audio import SAMPLE_RATE

REACH = 2
"""Mel frames kept after those of the last position; the convolutions see the first of them."""


@dataclass(frozen=True)
class Features:
    """What the encoder hears of some clips."""

    mel: Any
    """Log-mel tensor, shape = (n_clips, n_mels, n_frames), float32."""
    positions: list[int]
    """Of each clip: encoder positions before pooling, T; its language model tokens are T // 2."""

    def of(self, first: int, end: int) -> "Features":
        """Those of a slice of the clips, cut to the longest of them."""
        positions = self.positions[first:end]
        return Features(self.mel[first:end, :, : _frames(positions, self.mel.shape[-1])], positions)


def positions_of(n_samples: int, hop: int) -> int:
    """T: half of the mel frames that begin within the clip, rounded up."""
    return (-(-n_samples // hop) + 1) // 2


def features_of(extractor: Any, clips: Sequence[np.ndarray]) -> Features:
    """Features by transformers' WhisperFeatureExtractor, equal to the first frames of its 30 s ones.

    The zeros after the longest clip reach over every window of a kept frame, and no clip's loudest frame, from which
    its floor is counted, lies in what is cut. Longer clips than the extractor's 30 s are cut, as it does itself.
    """
    positions = [positions_of(min(len(clip), extractor.n_samples), extractor.hop_length) for clip in clips]
    frames = _frames(positions, extractor.nb_max_frames)
    mel = extractor(
        list(clips),
        sampling_rate=SAMPLE_RATE,
        return_tensors="pt",
        padding="max_length",
        max_length=min((frames + 1) * extractor.hop_length, extractor.n_samples),
    ).input_features
    return Features(mel[..., :frames], positions)


def encode(tower: Any, features: Features) -> list[Any]:
    """Rows of transformers' Qwen2AudioEncoder, normed and before the projector: a tensor for each clip, shape =
    (T // 2, d_model). As its ``forward``, which insists on 3000 frames."""
    import torch
    from torch.nn.functional import gelu
    from transformers.masking_utils import create_bidirectional_mask

    longest = _even(max(features.positions))
    hidden = gelu(tower.conv2(gelu(tower.conv1(features.mel))))
    hidden = hidden[..., :longest].transpose(1, 2) + tower.embed_positions.weight[:longest]
    lengths = torch.tensor(features.positions, device=hidden.device)
    heard = (torch.arange(longest, device=hidden.device) < lengths[:, None]).long()
    mask = create_bidirectional_mask(config=tower.config, inputs_embeds=hidden, attention_mask=heard)
    for layer in tower.layers:
        hidden = layer(hidden, mask)
    pooled = tower.avg_pooler(hidden.transpose(1, 2)).transpose(1, 2)
    return [row[: count // 2] for row, count in zip(tower.layer_norm(pooled), features.positions, strict=True)]


def _frames(positions: Sequence[int], most: int) -> int:
    return min(2 * _even(max(positions)) + REACH, most)


def _even(count: int) -> int:
    return count + count % 2
