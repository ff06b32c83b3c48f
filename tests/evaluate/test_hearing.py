"""Does it hear: real models do, whatever is deaf is found out and stopped before anything is written."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support import CLIPS, command, write_manifest

from datasets_prep.manifest import Clip
from evaluate.config import Generation, ModelConfig
from evaluate.hearing import Hearing, hears, to_ask
from evaluate.models.base import Model, Request, make_model
from evaluate.plan import Item

NAMES = ("bells", "garden", "harbour", "train", "kettle", "street")


class Double(Model):
    """A double whose first logits are what ``tell`` says of the sounds."""

    prompt_styles = ("plain",)
    tell: Callable[[np.ndarray], Any]

    def load(self, device: str) -> None: ...

    def prepare(self, requests: Sequence[Request]) -> Sequence[Request]:
        return requests

    def generate(self, batch: Any, generation: Generation) -> list[str]:
        return ["" for _ in batch]

    def first_logits(self, batch: Sequence[Request]) -> np.ndarray | None:
        told = [type(self).tell(np.concatenate(request.audio)) for request in batch]
        return None if told[0] is None else np.array(told, dtype=np.float32)


def double(tell: Callable[[np.ndarray], Any]) -> Model:
    kind = type("Double", (Double,), {"tell": staticmethod(tell)})
    return kind(ModelConfig("", name="double", path=None))  # type: ignore[no-any-return]


def items(*names: str, folder: Path = CLIPS, prompt: str = "", clips: int = 1) -> list[Item]:
    return [
        Item(Request(str(n), prompt, "en", None, {}, clips=clips), (Clip(name),) * clips, folder, 1.0)
        for n, name in enumerate(names)
    ]


RECORDINGS = [f"{name}.flac" for name in NAMES[:4]]


@pytest.mark.parametrize(
    ("tell", "verdict"),
    [
        (lambda sound: [1.0, 2.0], False),
        (lambda sound: [float(len(sound)), 1.0], False),  # how long it is, and nothing of what it is
        (lambda sound: [1000.0 + 1e-4 * float(sound[:9].any()), 1.0], False),  # rounding
        (lambda sound: [np.nan, np.nan], False),
        (lambda sound: [float(np.abs(sound).mean()), -np.inf], True),
        (lambda sound: [np.nan if not sound.any() else 1.0, 1.0], True),
        (lambda sound: [float(sound.any()), 1.0], True),  # silence alone is another thing
    ],
)
def test_who_hears(tell: Callable[[np.ndarray], Any], verdict: bool) -> None:
    found = hears(double(tell), items(*RECORDINGS))
    assert (found.hears, found.asked, found.why) == (verdict, 4, "")
    if not verdict:
        assert found.silence is not None and found.swap is not None and max(found.silence, found.swap) < 1e-3


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    assert hears(double(lambda sound: None), items(*RECORDINGS)).why == "it does not tell its logits"
    assert Model.first_logits(double(lambda sound: None), []) is None, "which is what a class says that says nothing"
    assert hears(double(lambda sound: 1 / 0), items(*RECORDINGS)).why == "it raised ZeroDivisionError: division by zero"
    assert hears(double(lambda sound: [1.0]), items("none.wav")).why == "none of the clips asked with can be decoded"
    soundfile.write(tmp_path / "mute.wav", np.zeros(8_000), 16_000)
    mute = hears(double(lambda sound: [1.0]), items("mute.wav", "mute.wav", folder=tmp_path))
    assert (mute.hears, mute.why) == (None, "the clips asked with are silent, and all alike")


def test_a_sample_by_itself_is_held_against_silence() -> None:
    found = hears(double(lambda sound: [float(np.abs(sound).mean())]), items(RECORDINGS[0]))
    assert found.hears and found.swap is None and found.silence and found.asked == 1
    assert hears(double(lambda sound: [1.0]), items("none.wav", RECORDINGS[0])).asked == 1, "a bad clip is passed over"


def test_long_clips_are_cut(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.full(16_000 * 40, 0.1, np.float32), 16_000)
    found = hears(double(lambda sound: [float(len(sound) * sound.any())]), items("long.wav", folder=tmp_path))
    assert found.silence == 16_000 * 30


def test_who_is_asked() -> None:
    many = [*items(*[f"{n % 3}.wav" for n in range(90)]), *items("a.wav", clips=0)]
    chosen = to_ask({"t": many, "mute": items("a.wav", clips=0)})
    assert list(chosen) == ["t"] and len(chosen["t"]) == 3, "of different recordings, and not without one"
    assert chosen == to_ask({"t": many[::-1]}), "whatever the order"
    wide = to_ask({str(task): items(*map(str, range(9))) for task in range(20)})
    assert all(len(of_task) == 2 for of_task in wide.values())


@pytest.mark.parametrize("english", [True, False])
def test_a_real_whisper_hears(english: bool, make_whisper: Callable[..., Path]) -> None:
    path = str(make_whisper(*([] if english else ["--multilingual"])))
    model = make_model(ModelConfig("evaluate.models.whisper.Whisper", name="w", path=path))
    model.load("cpu")
    prompt = "<audio>1</audio><|startoftranscript|>" + ("" if english else "<|en|><|transcribe|>") + "<|notimestamps|>"
    asked = items(*RECORDINGS, prompt=prompt)
    found = hears(model, asked)
    assert found.hears and found.asked == 4 and min(found.silence or 0, found.swap or 0) > 0.01
    sounds = [soundfile.read(CLIPS / name, dtype="float32")[0] for name in RECORDINGS]
    requests = [Request(**{**i.request.__dict__, "audio": (s,)}) for i, s in zip(asked, sounds, strict=True)]
    logits = model.first_logits(model.prepare(requests))
    assert logits is not None and logits.dtype == np.float32
    features = model.processor(sounds, sampling_rate=16_000, return_tensors="pt")  # type: ignore[attr-defined]
    prompted = model.processor.tokenizer.convert_tokens_to_ids(  # type: ignore[attr-defined]
        [f"<{token}>" for token in prompt.partition("</audio><")[2].strip("<>").split("><")]
    )
    import torch

    with torch.inference_mode():
        wanted = model.network(  # type: ignore[attr-defined]
            input_features=features.input_features, decoder_input_ids=torch.tensor([prompted] * 4)
        ).logits[:, -1]
    np.testing.assert_allclose(logits, wanted, atol=1e-4)


DEAF = '''
"""A double of a model whose audio went missing on the way: it always says the same, and tells the same logits."""
import numpy as np
from evaluate.models.base import Model

class Deaf(Model):
    prompt_styles = ("plain",)

    def load(self, device): ...

    def prepare(self, requests):
        return requests

    def generate(self, batch, generation):
        return ["8000 samples" for _ in batch]

    def first_logits(self, batch):
        return np.ones((len(batch), 7), np.float32)
'''


def test_a_deaf_model_is_stopped_before_anything_is_written(own: Path, tmp_path: Path) -> None:
    (own / "deaf.py").write_text(DEAF)
    (own / "model/deaf.yaml").write_text("_target_: deaf.Deaf\nname: deaf\npath: null\n")
    rows = [
        {"id": name, "audio": str(CLIPS / f"{name}.flac"), "reference": "8000 samples", "hint": ""} for name in NAMES
    ]
    manifest, run = write_manifest(tmp_path / "m.jsonl", rows), tmp_path / "run"
    words = [f"hydra.searchpath=['file://{own}']", "model=deaf", f"task.corpus.manifest={manifest}", f"run.dir={run}"]
    said = "task own/echo: deaf does not hear: its first logits are the same with the clips of 4 samples, with silence"
    for more in ([], ["fresh=true", "engine.devices=2"]):
        done = command("evaluate", *words, "task=own/echo", *more)
        assert done.returncode == 2 and said in done.stderr and "preflight=off goes on all the same" in done.stderr
        assert [path.name for path in run.iterdir()] == [".lock"]
    checked = command("evaluate", *words, "task=own/echo", "check=true")
    assert checked.returncode == 2 and said in checked.stderr and checked.stdout == ""
    done = command("evaluate", *words, "task=own/echo", "preflight=off")
    assert done.returncode == 0, done.stderr
    before = (run / "own/echo/predictions.jsonl").read_bytes()
    assert json.loads((run / "run.json").read_text())["sessions"][0]["hearing"] == {}
    done = command("evaluate", *words, "task=own/echo", "fresh=true", "limit=3")
    assert done.returncode == 2 and (run / "own/echo/predictions.jsonl").read_bytes() == before
    assert command("evaluate", *words, "task=own/echo").returncode == 0, "finished before: nobody is asked"


def test_the_finding_is_kept(tmp_path: Path) -> None:
    """Of a real run, and of a model that cannot say."""
    run = tmp_path / "run"
    words = ["task=asr/manifest", f"task.corpus.manifest={CLIPS}/manifest.jsonl", "task.language=en", "limit=3"]
    done = command("evaluate", *words, "model=tiny", "task.generation.max_new_tokens=4", f"run.dir={run}")
    assert done.returncode == 0 and "could not be asked" not in done.stderr, done.stderr
    (session,) = json.loads((run / "run.json").read_text())["sessions"]
    found = session["hearing"]["asr/manifest"]
    assert found["asked"] == 3 and found["hears"] is True and min(found["silence"], found["swap"]) > 0.01
    assert Hearing(**found).why == ""


def test_a_model_that_cannot_say_is_said_to(own: Path, tmp_path: Path, tone: Callable[..., Path]) -> None:
    row = {"id": "a", "audio": tone("a.wav").name, "reference": "8000 samples", "hint": ""}
    manifest, run = write_manifest(tmp_path / "m.jsonl", [row]), tmp_path / "run"
    words = [f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=echo", f"task.corpus.manifest={manifest}"]
    done = command("evaluate", *words, f"run.dir={run}")
    assert done.returncode == 0 and "echo could not be asked whether it hears: it does not tell its" in done.stderr
    (session,) = json.loads((run / "run.json").read_text())["sessions"]
    assert session["hearing"]["own/echo"]["hears"] is None
