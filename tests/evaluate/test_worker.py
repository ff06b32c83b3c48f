"""The worker: what goes wrong costs only the samples that it goes wrong for; long clips follow the task."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from datasets_prep.manifest import Clip
from evaluate import worker
from evaluate.config import Batch as Budget
from evaluate.config import Generation, LongAudio, ModelConfig
from evaluate.models.base import Answer, Model, Request, sample_seed
from evaluate.plan import Batch, Item, plan

Tone = Callable[..., Path]


class Teller(Model):
    """A double: tells the seconds it heard, or raises what the sample's field names."""

    prompt_styles = ("plain",)
    max_seconds = 1.0

    def load(self, device: str) -> None: ...

    def prepare(self, requests: Sequence[Request]) -> Sequence[Request]:
        if any(request.fields.get("raises") == "in prepare" for request in requests):
            raise ValueError("cannot prepare")
        return requests

    def generate(self, batch: Sequence[Request], generation: Generation) -> list[Answer | str]:
        self.sizes = [*getattr(self, "sizes", []), len(batch)]
        for request in batch:
            if (error := request.fields.get("raises")) and (error != "crowd" or len(batch) > 1):
                raise (
                    MemoryError
                    if error in ("memory", "crowd")
                    else RuntimeError("bad file '/a/b c/model.py' at 0x7f00dead, pid 12\nmore")
                )
        return [Answer(f" {len(request.audio[0]) / 16_000:.2f} ", 3, 2) for request in batch]


def items(
    folder: Path, *clips: Clip | list[Clip], language: str | None = None, raises: dict[int, str] | None = None
) -> list[Item]:
    made = []
    for number, clip in enumerate(clips):
        fields = {"raises": (raises or {}).get(number)}
        request = Request(f"s{number}", "", language, None, fields)
        made.append(Item(request, tuple(clip) if isinstance(clip, list) else (clip,), folder, 1.0))
    return made


def answer(model: Model, made: Sequence[Item], long_audio: LongAudio = LongAudio.truncate) -> list[worker.Outcome]:
    batches = iter([Batch("task", tuple(made), Generation(), long_audio)])
    ((outcomes, _),) = worker.answered(model, batches, threads=2)
    assert [outcome.id for outcome in outcomes] == [item.request.id for item in made]
    return outcomes


@pytest.fixture
def teller() -> Teller:
    return Teller(ModelConfig(_target_="Teller", name="teller", path=None))


def test_a_bad_clip_fails_alone(tmp_path: Path, tone: Tone, teller: Teller) -> None:
    tone("a.wav", 0.5)
    good, bad = answer(teller, items(tmp_path, Clip("a.wav"), Clip("none.wav")))
    assert (good.raw, good.error, good.flags, good.prompt_tokens, good.new_tokens) == ("0.50", None, [], 3, 2)
    assert good.audio[0].seconds == 0.5 and len(good.audio[0].sha256 or "") == 64
    assert bad.raw is None and bad.error and (bad.error.code, bad.error.message) == ("missing", "none.wav is not there")
    assert bad.audio[0].path == "none.wav" and bad.audio[0].sha256 is None


def test_every_clip_bad_asks_the_model_nothing(tmp_path: Path, teller: Teller) -> None:
    assert [outcome.raw for outcome in answer(teller, items(tmp_path, Clip("x"), Clip("y")))] == [None, None]


@pytest.mark.parametrize(
    ("raises", "code", "said"),
    [
        ("in prepare", "model", "ValueError: cannot prepare"),
        ("in generate", "model", "RuntimeError: bad file 'b c/model.py' at 0x, pid"),
        ("memory", "memory", "out of memory on this sample alone (0.5 s of audio)"),
    ],
)
def test_what_a_model_raises_costs_one_sample(
    tmp_path: Path, tone: Tone, teller: Teller, raises: str, code: str, said: str
) -> None:
    tone("a.wav", 0.5)
    outcomes = answer(teller, items(tmp_path, *[Clip("a.wav")] * 5, raises={2: raises}))
    assert [outcome.raw for outcome in outcomes] == ["0.50", "0.50", None, "0.50", "0.50"]
    assert outcomes[2].error and (outcomes[2].error.code, outcomes[2].error.message) == (code, said)


def test_out_of_memory_halves_the_batch(tmp_path: Path, tone: Tone, teller: Teller) -> None:
    tone("a.wav", 0.5)
    outcomes = answer(teller, items(tmp_path, *[Clip("a.wav")] * 4, raises={0: "crowd"}))
    assert [outcome.raw for outcome in outcomes] == ["0.50"] * 4
    assert teller.sizes == [4, 2, 1, 1, 2]


def test_a_wrong_number_of_answers_is_no_answer(
    tmp_path: Path, tone: Tone, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    tone("a.wav", 0.5)
    monkeypatch.setattr(teller, "generate", lambda batch, generation: ["one"] * (len(batch) + 1))
    outcomes = answer(teller, items(tmp_path, Clip("a.wav"), Clip("a.wav")))
    assert all(outcome.error and "gave 2 answers to 1 requests" in outcome.error.message for outcome in outcomes)


def test_long_audio(tmp_path: Path, tone: Tone, teller: Teller) -> None:
    tone("long.wav", 2.5)
    long, short = Clip("long.wav"), Clip("long.wav", 0.0, 1.0)
    first, second = answer(teller, items(tmp_path, long, short))
    assert (first.raw, first.flags, first.audio[0].seconds) == ("1.00", ["truncated_audio"], 2.5)
    assert (second.raw, second.flags) == ("1.00", [])
    (failed,) = answer(teller, items(tmp_path, long), LongAudio.fail)
    assert failed.error and failed.error.code == "too_long" and "2.5 s is over the model's 1 s" in failed.error.message
    (cut,) = answer(teller, items(tmp_path, long), LongAudio.chunk)
    heard = [float(text) for text in (cut.raw or "").split()]
    assert len(heard) >= 3 and sum(heard) == pytest.approx(2.5, abs=0.05) and cut.flags == ["chunked_audio"]
    assert (cut.prompt_tokens, cut.new_tokens) == (3 * len(heard), 2 * len(heard))
    (chinese,) = answer(teller, items(tmp_path, long, language="zh"), LongAudio.chunk)
    assert " " not in (chinese.raw or "")
    (two,) = answer(teller, items(tmp_path, [long, short]), LongAudio.chunk)
    assert two.error and "several clips cannot be cut" in two.error.message


def test_pieces_of_a_long_clip_go_through_the_model_as_the_budget_says(
    tmp_path: Path, tone: Tone, teller: Teller
) -> None:
    tone("long.wav", 9.0)
    tone("short.wav", 0.5)
    batch = Batch("t", tuple(items(tmp_path, Clip("long.wav"), Clip("short.wav"))), Generation(), LongAudio.chunk, Budget(max_seconds=4.0))  # fmt: skip
    ((outcomes, spent),) = worker.answered(teller, iter([batch]), threads=1)
    assert len(teller.sizes) > 1 and sum(teller.sizes) == len((outcomes[0].raw or "").split()) + 1
    assert (outcomes[1].raw, outcomes[1].flags) == ("0.50", []) and outcomes[0].flags == ["chunked_audio"]
    assert spent.heard == pytest.approx(9.5, abs=0.01) and spent.heard <= spent.padded <= 4.0 * len(teller.sizes)


def test_empty_answers_and_full_ones_are_flagged(
    tmp_path: Path, tone: Tone, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    tone("a.wav", 0.5)
    said = [Answer("  "), Answer("much", hit_max_new_tokens=True)]
    monkeypatch.setattr(teller, "generate", lambda batch, generation: said)
    empty, full = answer(teller, items(tmp_path, Clip("a.wav"), Clip("a.wav")))
    assert (empty.raw, empty.flags) == ("", ["empty"]) and full.flags == ["hit_max_new_tokens"]


def test_an_error_of_the_feeding_thread_is_raised(teller: Teller) -> None:
    def broken() -> Any:
        raise RuntimeError("feed")
        yield

    with pytest.raises(RuntimeError, match="feed"):
        list(worker.answered(teller, broken(), threads=1))


def test_the_plan_depends_on_samples_and_budget_alone(tmp_path: Path) -> None:
    lengths = [3.0, 1.0, 2.0, 2.0, 8.0, 30.0]
    made = [
        Item(Request(f"s{number}", "", None, None, {}), (), tmp_path, seconds) for number, seconds in enumerate(lengths)
    ]

    def ids(order: Sequence[Item], **budget: Any) -> list[list[str]]:
        batches = plan(order, Budget(**budget), "task", Generation(), LongAudio.fail)
        return [[item.request.id for item in batch.items] for batch in batches]

    expected = [["s5"], ["s4"], ["s0", "s2", "s3"], ["s1"]]
    assert ids(made, max_seconds=10, max_clips=9) == expected == ids(made[::-1], max_seconds=10, max_clips=9)
    assert ids(made, max_seconds=1000, max_clips=2) == [["s5", "s4"], ["s0", "s2"], ["s3", "s1"]]
    assert [len(batch) for batch in ids(made, max_seconds=0.1, max_clips=9)] == [1] * 6


def test_a_draw_belongs_to_its_sample() -> None:
    assert sample_seed(0, "a") == sample_seed(0, "a")
    assert len({sample_seed(seed, name) for seed in (0, 1) for name in ("a", "b")}) == 4
    assert 0 <= sample_seed(5, "x") < 2**63


def test_clips_are_decoded_on_the_pool(tmp_path: Path, tone: Tone, teller: Teller) -> None:
    tone("a.wav", 0.5)
    with ThreadPoolExecutor(2) as pool:
        prepared = worker.prepare(
            teller, Batch("t", tuple(items(tmp_path, Clip("a.wav"))), Generation(), LongAudio.fail), pool
        )
    assert [piece.audio[0].shape for pieces, _ in prepared.groups for piece in pieces] == [(8_000,)]
