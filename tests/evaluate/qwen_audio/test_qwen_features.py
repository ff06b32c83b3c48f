"""Features made on the clip are those of the clip padded to 30 s, and cost what the clip is long."""

import numpy as np
import pytest
import torch
from parity import recorded
from transformers import WhisperFeatureExtractor

from evaluate.models.base import ModelError, Request
from evaluate.models.qwen_audio.features import Clip, Length, Query, clip_features
from evaluate.models.qwen_audio.model import QwenAudio
from evaluate.models.qwen_audio.network import join_clips


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)


def test_lengths() -> None:
    for mel, length in recorded("lengths")["lengths"].items():
        for samples in (int(mel) * 160, int(mel) * 160 + 159):
            assert [Length.of(samples).frames, Length.of(samples).rows] == length
    assert Length.of(480_000 + 160) == Length(1500, 750)


@pytest.mark.parametrize(
    "count",
    [480, 639, 640, 799, 800, 16_000, 16_001, 37_119, 159_999, 479_359, 479_520, 479_840, 479_999, 480_000, 500_000],
)
def test_frames_are_those_of_30_seconds(count: int) -> None:
    whole = WhisperFeatureExtractor(feature_size=80)(noise(count), sampling_rate=16_000, return_tensors="np")
    clip = clip_features(noise(count), 80)
    reach = min(2 * clip.length.frames + 1, 3000)  # one more than the clip's own, for a longer neighbour in its query
    assert reach <= clip.mel.shape[1] <= min(count // 160 + 3, 3000)
    np.testing.assert_allclose(clip.mel, whole["input_features"][0][:, : clip.mel.shape[1]], rtol=0, atol=2e-6)


def test_silence() -> None:
    assert (clip_features(np.zeros(16_000, np.float32), 80).mel == -1.5).all()


def test_too_short() -> None:
    assert clip_features(noise(480), 80).length == Length(2, 1)
    with pytest.raises(ModelError, match=r"479 samples is too short: 30 ms"):
        clip_features(noise(479), 80)


def test_a_batch_of_short_clips_is_short(tiny: QwenAudio) -> None:
    """16 clips of 5 s: neither their features nor what the encoder gets of them has 30 s, or 3,000 frames, of anything."""
    prompt = "<audio>1</audio><|startoftranscript|>"
    batch = tiny.prepare([Request(str(k), prompt, None, None, {}, 1, (noise(80_000, k),)) for k in range(16)])
    assert all(clip.mel.shape == (80, 503) for _, query in batch for clip in query.clips)
    assert join_clips([query for _, query in batch]).shape == (16, 80, 500)
    seen = []
    handles = [
        module.register_forward_hook(lambda _, given, made: seen.append(max(*given[0].shape[1:], *made.shape[1:])))
        for module in (tiny.network.audio.conv1, tiny.network.audio.conv2, tiny.network.audio.layer_norm)
    ]
    with torch.inference_mode():
        tiny.network.hear([query for _, query in batch])
    for handle in handles:
        handle.remove()
    assert len(seen) == 3 and max(seen) == 500


def test_a_clip_ends_where_its_query_does() -> None:
    """Beside a longer clip of its query a clip keeps its frames, as in the original; beside another query's it is zero."""
    long, short = (Clip(np.ones((80, 2 * frames + 3), np.float32), Length(frames, frames // 2)) for frames in (50, 20))
    ids: list[int] = []
    apart = join_clips([Query(ids, [], [long]), Query(ids, [], [short])])
    together = join_clips([Query(ids, [], [long, short])])
    turned = join_clips([Query(ids, [], [short, long])])
    frames = [int(mel.sum(0).ne(0).sum()) for mel in (*apart, *together, *turned)]
    assert frames == [100, 40, 100, 43, 43, 100]
