"""Controls: what is heard instead of the clips, whom a shuffle gives to whom, and that no table hides it."""

import csv
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support import CHECKOUT, command, read_lines, write_manifest

from datasets_prep.manifest import Clip, Sample
from evaluate import control, worker
from evaluate.config import Batch, Config, ConfigError, Control, ModelConfig, Task
from evaluate.models.base import Model, Request, UnsuitedError, make_model
from evaluate.models.tiny.model import TinyQwenAudioChat
from evaluate.plan import Item, plan
from evaluate.prompts import PromptError, render
from evaluate.runner import directory_of
from evaluate.tasks import ready
from evaluate.worker import Outcome

MINIATURE = str(CHECKOUT / "datasets_prep/miniature/data")


def item(name: object, *paths: str) -> Item:
    request = Request(str(name), "", None, None, {}, clips=len(paths))
    return Item(request, tuple(map(Clip, paths)), Path("/data"), float(len(paths)))


def heard(items: Sequence[Item]) -> dict[str, list[str]]:
    return {item.request.id: [clip.path for clip in item.clips] for item in items}


def test_a_shuffle_gives_each_another_samples_clips_once() -> None:
    draw = random.Random(0)
    for count in (2, 3, 7, 40):
        items = [item(number, f"{number}.wav") for number in range(count)]
        shuffled = heard(control.apply(Control.shuffle, items, "t"))
        assert all(clips != [f"{name}.wav"] for name, clips in shuffled.items())
        assert len({clips[0] for clips in shuffled.values()}) == count, "and no clip is heard twice"
        draw.shuffle(items)
        assert heard(control.apply(Control.shuffle, items, "other")) == shuffled, "whatever the order"
    assert shuffled["0"] != ["1.wav"] or shuffled["1"] != ["2.wav"], "not simply the next"


def test_a_shuffle_minds_recordings_and_numbers_of_clips() -> None:
    """Several questions of one recording, as in ClothoAQA; samples of one clip and of two."""
    items = [
        item(f"{clip}-{question}", f"{clip}.wav") for clip in "abcde" for question in range(6 if clip < "c" else 2)
    ]
    items += [item(f"pair {number}", f"x{number}.wav", "y.wav") for number in range(3)]
    shuffled = heard(control.apply(Control.shuffle, items, "t"))
    for one in items:
        own = [clip.path for clip in one.clips]
        assert shuffled[one.request.id] != own and len(shuffled[one.request.id]) == len(own)
    assert sorted(map(str, shuffled.values())) == sorted(map(str, heard(items).values()))


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([item("a", "a.wav")], "task t has one sample with 1 clip, and each is to hear another's"),
        ([item(n, f"{n}.wav") for n in range(4)] + [item("p", "a.wav", "b.wav")], "one sample with 2 clips"),
        ([item(n, "a.wav") for n in range(3)] + [item(9, "b.wav")], "3 of 4 samples with the same 1 clip"),
    ],
)
def test_a_shuffle_that_cannot_be(items: list[Item], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        control.apply(Control.shuffle, items, "t")
    assert said in str(error.value) and "control=silence" in str(error.value)


def answered(model: Model, task: Task, controlled: Control | None) -> dict[str, Outcome]:
    made = ready(task, MINIATURE, model, controlled)
    batches = plan(made.items, Batch(), task.name, made.task.generation, task.long_audio)
    return {outcome.id: outcome for outcomes, _ in worker.answered(model, iter(batches), 1) for outcome in outcomes}


@pytest.fixture(scope="module")
def model() -> Model:
    made = make_model(ModelConfig("evaluate.models.tiny.model.TinyQwenAudio", name="tiny", path=None))
    made.load("cpu")
    return made


def test_what_a_real_model_hears(model: Model) -> None:
    task = Task(name="t", prompt={"plain": "The scene:"}, metrics={"accuracy": None}, limit=8)
    task.corpus.name, task.corpus.subsets, task.generation.max_new_tokens = "cochlscene", ["test"], 12
    plain, silence, shuffle, nothing = (answered(model, task, kind) for kind in (None, *Control))
    assert len({outcome.raw for outcome in plain.values()}) == 8
    for name, own in plain.items():
        assert silence[name].audio == own.audio and silence[name].raw != own.raw, "the record keeps what was decoded"
        (other,) = [other for other in plain.values() if other.audio == shuffle[name].audio]
        assert other.id != name and shuffle[name].raw == other.raw, "the same words, with the other's clip"
        assert nothing[name].audio == [] and nothing[name].error is None
        assert (nothing[name].prompt_tokens or 0) < (own.prompt_tokens or 0)
    assert len({outcome.raw for outcome in nothing.values()}) == 1
    asked = ready(task, MINIATURE, model, Control.shuffle).asked
    assert (asked["control"], asked["shuffled"]) == ("shuffle", "8 samples")
    assert ready(task, MINIATURE, model).asked["control"] == "none"


def test_a_prompt_without_clips(model: Model, make_whisper: Callable[..., Path], tmp_path: Path) -> None:
    sample = Sample(
        "s", (Clip("a.wav"), Clip("b.wav")), ("r",), None, None, {"history": [["<audio>1</audio>Hm?", "A"]]}
    )

    def text(template: str, model: Model, style: str = "plain") -> str:
        return render(sample, Task(name="t", prompt={style: template}), model, with_clips=False).prompt

    assert text("Is <audio>2</audio> like <audio>1</audio>?", model) == "Is  like ?"
    with pytest.raises(PromptError, match="task t, sample s: without clips there is nothing to ask"):
        text(" ", model)
    talker = TinyQwenAudioChat(ModelConfig("", name="chat", path=None))
    said = text("Which?", talker, "chat")
    assert "<audio>" not in said and "Audio 1" not in said and "user\nHm?<|im_end|>" in said and "Which?" in said
    deaf = make_model(ModelConfig("evaluate.models.whisper.Whisper", name="whisper", path=str(make_whisper())))
    task = Task(name="t", prompt={"whisper": "transcribe"}, metrics={"wer": None})
    task.corpus.name, task.corpus.subsets = "librispeech", ["test-clean"]
    with pytest.raises(UnsuitedError, match="control=no_audio: whisper answers no prompt without a clip"):
        ready(task, MINIATURE, deaf, Control.no_audio)


EAR = '''
"""A double of a model that hears: says the loudest frequency in Hz, or that there is nothing."""
import numpy as np
from evaluate.models.base import Model

class Ear(Model):
    prompt_styles = ("plain",)
    needs_clips = False

    def load(self, device): ...

    def prepare(self, requests):
        return requests

    def generate(self, batch, generation):
        return [tell(request.audio) for request in batch]

def tell(clips):
    if not clips or not clips[0].any():
        return "nothing"
    bins = np.abs(np.fft.rfft(clips[0]))
    return f"{bins.argmax() * 16_000 / len(clips[0]):.0f} Hz"
'''


@pytest.fixture
def words(own: Path, tmp_path: Path) -> list[str]:
    """A command line over six tones, with the double that hears."""
    (own / "ear.py").write_text(EAR)
    (own / "model/ear.yaml").write_text("_target_: ear.Ear\nname: ear\npath: null\n")
    rows = []
    for number in range(6):
        tone = 0.3 * np.sin(2 * np.pi * (number + 1) * 100 * np.arange(8_000) / 16_000)
        soundfile.write(tmp_path / f"{number}.wav", tone, 16_000)
        rows.append({"id": number, "audio": f"{number}.wav", "reference": f"{(number + 1) * 100} Hz", "hint": ""})
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    return [f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=ear", f"task.corpus.manifest={manifest}"]


def test_a_controls_scores_are_marked_in_every_table(words: list[str], tmp_path: Path) -> None:
    run, silent = tmp_path / "plain", tmp_path / "silence"
    done = command("evaluate", *words, f"run.dir={run}")
    assert done.returncode == 0 and "[" not in (run / "leaderboard.csv").read_text(), done.stderr
    done = command("evaluate", *words, f"run.dir={silent}", "control=silence")
    assert done.returncode == 0 and "ear [silence] on own/echo: 6 samples to answer" in done.stderr, done.stderr
    note = "ear [silence] is a control, no measure of the model: each clip was silence of its length"
    for table in (done.stdout, (silent / "leaderboard.md").read_text()):
        assert "| ear [silence] | own/echo" in table and note in table
    (line,) = csv.DictReader((silent / "leaderboard.csv").open())
    assert (line["model"], line["control"], line["value"]) == ("ear [silence]", "silence", "0.0")
    (row,) = json.loads((silent / "leaderboard.json").read_text())
    assert (row["model"], row["control"], row["value"]) == ("ear [silence]", "silence", 0.0)
    (row,) = json.loads((run / "leaderboard.json").read_text())
    assert (row["model"], row["control"], row["value"]) == ("ear", "", 100.0)
    assert json.loads((silent / "run.json").read_text())["control"] == "silence"
    for arguments in (
        ["leaderboard", run, silent, "--layout", "long"],
        ["rescore", silent],
        ["rescore", silent, "--write"],
    ):
        said = command("results", *arguments).stdout
        assert "| ear [silence] | own/echo" in said and "is a control, no measure" in said
    spread = command("results", "rescore", silent, "--normalizer", "basic", "--normalizer", "none")
    assert "is a control, no measure" in spread.stdout
    both = json.loads(command("results", "leaderboard", run, silent, "--format", "json").stdout)
    assert [entry["model"] for entry in both] == ["ear", "ear [silence]"]
    refused = command("evaluate", *words, f"run.dir={silent}")
    assert refused.returncode == 2 and "what differs: control (silence before, none now)" in refused.stderr
    refused = command("evaluate", *words, f"run.dir={silent}", "task.name=own/other")
    assert refused.returncode == 2 and "control (silence before, none now)" in refused.stderr


def test_other_controls_and_a_limit(words: list[str], tmp_path: Path) -> None:
    for kind in ("shuffle", "no_audio"):
        done = command("evaluate", *words, f"run.dir={tmp_path / kind}", f"control={kind}", "limit=4")
        assert done.returncode == 0 and f"| ear [{kind}] | own/echo" in done.stdout, done.stderr
        assert json.loads((tmp_path / kind / "leaderboard.json").read_text())[0]["value"] == 0.0
    records = read_lines(tmp_path / "shuffle/own/echo/predictions.jsonl")
    assert {record["audio"][0]["path"] for record in records} == {f"{record['id']}.wav" for record in records}
    assert all(record["raw"] == "nothing" for record in read_lines(tmp_path / "no_audio/own/echo/predictions.jsonl"))
    more = command("evaluate", *words, f"run.dir={tmp_path / 'shuffle'}", "control=shuffle", "limit=5")
    assert more.returncode == 2 and "shuffled (4 samples before, 5 samples now)" in more.stderr
    wrong = command("evaluate", *words, f"run.dir={tmp_path / 'new'}", "control=silense")
    assert wrong.returncode == 2 and "control: invalid value 'silense'" in wrong.stderr
    alone = command("evaluate", *words, f"run.dir={tmp_path / 'new'}", "control=shuffle", "limit=1")
    assert alone.returncode == 2 and "task own/echo has one sample with 1 clip" in alone.stderr
    assert not (tmp_path / "new").exists()


def test_a_control_has_a_directory_of_its_own() -> None:
    config = Config(model=ModelConfig("", name="m", path=None))
    assert directory_of(config, "asr/x").parts[-1] == "m-asr-x"
    assert directory_of(replace(config, control=Control.shuffle), "asr/x").parts[-1] == "m-asr-x-shuffle"
