"""Qwen2-Audio hears as transformers does: the trimmed encoder, batches, several clips, no 30 s features."""

import itertools
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from qwen2 import (
    NEW_TOKENS,
    PROMPTS,
    ROW_TOLERANCE,
    Reference,
    ask,
    asked,
    batched,
    clip,
    clips,
    made,
    recording,
    told,
)
from torch.utils._python_dispatch import TorchDispatchMode

from evaluate.models.base import ModelError
from evaluate.models.qwen2_audio import Qwen2Audio, Qwen2AudioInstruct
from evaluate.models.qwen2_audio_encoder import encode, features_of


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.long)])
def test_trimmed_rows_are_the_untrimmed_ones(model: Qwen2Audio, count: int) -> None:
    reference, heard = Reference(model), clips(count)
    tower, extractor = model.network.model.audio_tower, model.processor.feature_extractor
    expected = [reference.rows(samples) for samples in heard]
    for size in (1, 7):
        for numbers in batched(range(count), size):
            features = features_of(extractor, [heard[number] for number in numbers])
            with torch.inference_mode():
                rows = encode(tower, features)
            for mel, row, number in zip(features.mel, rows, numbers, strict=True):
                whole, wanted = expected[number]
                torch.testing.assert_close(mel, whole[:, : mel.shape[1]], atol=1e-6, rtol=0)
                torch.testing.assert_close(row, wanted, atol=ROW_TOLERANCE, rtol=0)


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.long)])
def test_a_batch_answers_as_transformers_does_one_by_one(model: Qwen2Audio, count: int) -> None:
    requests = [
        asked(model, prompt, samples, name=str(number))
        for number, (prompt, samples) in enumerate(zip(itertools.cycle(PROMPTS), clips(count), strict=False))
    ]
    reference = Reference(model)
    expected = [reference.of(request) for request in requests]
    assert len(set(expected)) > count // 2
    for size in (1, 7):
        assert [told(answer) for answer in ask(model, requests, size)] == expected
    limits = [answer.hit_max_new_tokens for answer in ask(model, requests)]
    assert limits == [new == NEW_TOKENS for _, _, new in expected]


def test_what_is_after_30_seconds_is_not_heard(model: Qwen2Audio) -> None:
    long = clip(31.5, 1)
    cut, whole = (features_of(model.processor.feature_extractor, [samples]) for samples in (long[:480_000], long))
    assert whole.positions == [1500] and torch.equal(cut.mel, whole.mel)


def test_a_clip_without_a_row_is_refused(model: Qwen2Audio) -> None:
    assert ask(model, [asked(model, "Say.", clip(0.03, 1))])[0].prompt_tokens == 1 + 2 + len("Say.")
    with pytest.raises(ValueError, match="too short"):
        model.prepare([asked(model, "Say.", clip(0.01, 1))])


def test_several_clips_stand_where_the_prompt_says(model: Qwen2Audio, talker: Qwen2AudioInstruct) -> None:
    first, second, third = clip(1.3, 1), clip(4.2, 2), clip(0.4, 3)
    for speaker in (model, talker):
        requests = [
            asked(speaker, "Compare the two.", first, second, name="a"),
            asked(speaker, "Is <audio>2</audio> like <audio>1</audio>?", first, second, name="b"),
            asked(speaker, "Say.", third, name="c"),
            asked(speaker, "Which is <audio>3</audio>: <audio>1</audio> <audio>2</audio>", first, second, third),
        ]
        assert [told(answer) for answer in ask(speaker, requests)] == [Reference(speaker).of(one) for one in requests]
        swapped = asked(speaker, "Is <audio>1</audio> like <audio>2</audio>?", second, first)
        assert ask(speaker, [swapped])[0] == ask(speaker, requests)[1]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("<audio>3</audio> and <audio>1</audio>", "the sample has 1 to 2"),
        ("<audio>one</audio>", "the sample has 1 to 2"),
        ("Hear <audio>2</audio>.", "and not <audio>1</audio>"),
    ],
)
def test_places_of_clips_that_are_not_there(base: Path, prompt: str, said: str) -> None:
    with pytest.raises(ModelError) as error:
        asked(made(base), prompt, clip(1, 1), clip(1, 2))
    assert said in str(error.value)


def test_silence_changes_the_logits_and_swapped_clips_swap_the_answers(model: Qwen2Audio) -> None:
    bells, kettle = recording("bells"), recording("kettle")

    def logits(samples: np.ndarray) -> torch.Tensor:
        with torch.inference_mode():
            embeddings, mask = model._embed(model.prepare([asked(model, PROMPTS[0], samples)]))
            return model.language_model(inputs_embeds=embeddings, attention_mask=mask).logits[0, -1]

    assert (logits(bells) - logits(np.zeros_like(bells))).abs().max() > 1e-2
    assert (logits(bells) - logits(kettle)).abs().max() > 1e-2
    requests = [asked(model, PROMPTS[0], samples, name=name) for name, samples in (("b", bells), ("k", kettle))]
    swapped = [asked(model, PROMPTS[0], samples, name=name) for name, samples in (("b", kettle), ("k", bells))]
    texts = [answer.text for answer in ask(model, requests)]
    assert texts[0] != texts[1] and [answer.text for answer in ask(model, swapped)] == texts[::-1]


class Sizes(TorchDispatchMode):
    """Records the sizes of whatever torch computes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.seen.update(
            itertools.chain(*(t.shape for t in torch.utils._pytree.tree_leaves(result) if isinstance(t, torch.Tensor)))
        )
        return result


def test_short_clips_never_take_30_seconds(model: Qwen2Audio) -> None:
    requests = [asked(model, PROMPTS[0], clip(5, seed)) for seed in range(16)]
    tracemalloc.start()
    with Sizes() as sizes, torch.inference_mode():
        batch = model.prepare(requests)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        model._embed(batch)
    assert batch.features and batch.features.mel.shape == (16, 128, 502)
    assert max(sizes.seen) < 16 * 5.2 * 16_000 and not sizes.seen & {750, 1500, 3000, 3001, 480_000}
    assert 250 in sizes.seen and peak < 16 * 30 * 16_000 * 4
