"""The small Qwen-Audio: asked what the harness asks, trained as itself, the same twice, loaded as the released one."""

import dataclasses
from pathlib import Path

import hydra
import numpy as np
import pytest
import torch

from datasets_prep.manifest import Sample
from datasets_prep.miniature.training.stream import draw_lesson, make_example
from evaluate import compose
from evaluate.config import Config, Dtype, Generation, ModelConfig, tasks_of
from evaluate.models.base import Request, make_model
from evaluate.models.qwen_audio.chat import TAIL
from evaluate.models.qwen_audio.config import read_architecture
from evaluate.models.qwen_audio.decoding import Stream
from evaluate.models.qwen_audio.features import Query
from evaluate.models.qwen_audio.tokenizer import END, TURN_END, Tokenizer, read_ranks
from evaluate.models.qwen_audio.weights import load_network
from evaluate.models.tiny import card as cards
from evaluate.models.tiny import pool as pools
from evaluate.models.tiny import train as training
from evaluate.models.tiny.curve import read_log
from evaluate.models.tiny.helpers import facts
from evaluate.models.tiny.model import FOLDER, TinyQwenAudioChat
from evaluate.models.tiny.objective import Asking, answer_loss, converse, make_batch
from evaluate.models.tiny.pool import Heard, hear, prepare
from evaluate.models.tiny.train import train
from evaluate.models.tiny.trainer import Recipe, ResumeError, Trainer
from evaluate.models.tiny.vocabulary import tiktoken_file, train_ranks
from evaluate.prompts import render

SMALL = Recipe(
    seed=5, lessons=24, steps=60, batch=6, warmup=5, pieces=150,
    sizes={"hidden_size": 32, "kv_channels": 8, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 64},
    audio={"n_mels": 80, "n_ctx": 1500, "n_state": 32, "n_head": 2, "n_layer": 1, "output_dim": 32},
)  # fmt: skip


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> list[Heard]:
    return [
        hear(make_example(11, number, tmp_path_factory.getbasetemp() / "speech")) for number in range(SMALL.lessons)
    ]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def losses(trainer: Trainer, steps: int) -> list[dict[str, float]]:
    return [trainer.advance() for _ in range(steps)]


def composed(*overrides: str) -> Config:
    compose.register()
    with hydra.initialize_config_dir(str(compose.CONFIGS), version_base="1.3"):
        config = hydra.compose("config", list(overrides), return_hydra_config=True)
    choices = config.hydra.runtime.choices
    del config.hydra
    return compose.typed(config, choices.get("suite"), choices.get("model"), overrides)


def test_lessons_ask_what_the_harness_asks() -> None:
    """Each prompt of a lesson is what the harness makes of such a sample."""
    arguments = ["suite=all", "data=miniature", "model=tiny"]
    config = composed(*arguments)
    tasks = {task.name: task for task in tasks_of(config, compose.said_keys(arguments))}
    tasks |= {task.name.replace("_en_de", ""): task for task in tasks.values() if task.name.startswith("s2tt")}
    tasks["s2tt/covost2"] = next(task for name, task in tasks.items() if name.startswith("s2tt/covost2"))
    model = make_model(config.model)
    talker = make_model(composed("suite=all", "data=miniature", "model=tiny_chat").model)
    seen, worded = set(), set()
    for number in range(250):
        _, lesson = draw_lesson(np.random.default_rng((3, number)))
        for asked in lesson.asked:
            task = tasks[asked.task]
            seen.add(asked.task)
            fields = fields_of(task.prompt["qwen_audio"], asked.prompt, task.labels)
            language, target = fields.pop("language", None), fields.pop("target_language", None)
            sample = Sample("x", ("clip",) * len(lesson.recipes), (asked.answer,), None, None,  # type: ignore[arg-type]
                            {**fields, "language": language, "target_language": target})  # fmt: skip
            task.language, task.target_language = language or task.language, target or task.target_language
            assert render(sample, task, model).prompt == asked.prompt
            if asked.chat:
                worded.add(asked.task)
                assert render(sample, task, talker).prompt.endswith(f"</audio>\n{asked.chat}{TAIL}")
    assert len(seen) > 55 and len(worded) > 45


def fields_of(template: str, prompt: str, labels: list[str] | None) -> dict[str, object]:
    """What a template was filled with, read back from the prompt."""
    import re

    pattern = re.escape(template.replace("{{", "\0").replace("}}", "\1").replace("{labels}", ", ".join(labels or ())))
    pattern = (
        pattern.replace("\0", r"\{")
        .replace("\1", r"\}")
        .replace(re.escape("\0"), r"\{")
        .replace(re.escape("\1"), r"\}")
    )
    names: list[str] = []

    def place(found: re.Match[str]) -> str:
        name = found[1].replace("\\", "")
        if name in names:
            return f"(?P={name})"
        names.append(name)
        return rf"(?P<{name}>(?:\n[A-D]\. [^\n<]*)*)" if name == "options" else rf"(?P<{name}>[^\n]*?)"

    pattern = re.sub(r"\\\{([a-z\\_]+)\\\}", place, pattern)
    found = re.fullmatch(r"(?:<audio>\d</audio>)+" + pattern, prompt)
    assert found, (template, prompt)
    fields: dict[str, object] = dict(found.groupdict())
    if options := fields.pop("options", ""):
        fields["choices"] = [line[3:] for line in str(options).strip().split("\n")]
    return fields


def test_the_vocabulary_is_one_of_tiktoken(tmp_path: Path, pool: list[Heard]) -> None:
    ranks = train_ranks(pools.texts_of(pool), 200)
    assert ranks[:256] == [bytes([byte]) for byte in range(256)]
    assert 300 < len(ranks) <= 456
    assert ranks == train_ranks(reversed(pools.texts_of(pool)), 200)  # counts decide, not the order
    (tmp_path / "qwen.tiktoken").write_bytes(tiktoken_file(ranks))
    assert list(read_ranks(tmp_path / "qwen.tiktoken")) == ranks
    tokenizer = Tokenizer(dict(zip(ranks, range(len(ranks)), strict=True)), len(ranks) + 4_000)
    for text in ("the question is new", "我们 zwölf 2.5", "<|answer|>yes"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    frequent = tokenizer.encode(" the").ids
    assert len(frequent) == 1
    assert not any(b"<|" in piece or b"startof" in piece for piece in ranks)  # tags are no words


@pytest.mark.parametrize("chat", [0.0, 1.0])
def test_the_loss_is_that_of_decoding(tmp_path: Path, pool: list[Heard], chat: float) -> None:
    """Cross-entropy of whole batches, several questions in a row, against a token at a time through the harness's
    decoding, each question alone."""
    trainer = Trainer(tmp_path, pool, SMALL)
    two = next(heard for heard in pool if len(heard.mels) == 2)
    asking = Asking(3, {}, chat, augment=False)
    batch = make_batch(np.random.default_rng(1), [*pool[:8], two], trainer.texts, asking)
    assert sum(len(packed.rests) > 1 for packed in batch.packed) > 4
    found, shares = answer_loss(trainer.network, batch)
    end = trainer.texts.tokenizer.special[TURN_END if chat else END]
    number = 0
    for packed, clips in zip(batch.packed, batch.clips, strict=True):
        for rest, size in zip(packed.rests, packed.answers, strict=True):
            ids = [*packed.begin, *rest]
            expected, right = 0.0, 0
            with torch.no_grad():
                decoded = Stream(trainer.network, [Query(ids[:-size], packed.starts, clips.clips)], size)
                for place, token in enumerate(ids[-size:]):
                    logits = decoded.next([ids[-size + place - 1]]) if place else decoded.first()
                    expected += float(torch.nn.functional.cross_entropy(logits, torch.tensor([token]))) / size
                    right += int(logits.argmax()) == token
            assert float(found[number].detach()) == pytest.approx(expected, abs=1e-4)
            assert float(shares[number]) == pytest.approx(right / size)
            assert ids[-1] == end
            number += 1
    assert number == len(found)


def test_few_answers_to_the_same_question_are_facts(pool: list[Heard]) -> None:
    found = facts(pool)
    assert "gender/voxceleb1" in found and "aqa/clothoaqa" not in found  # which asks something else each time
    ends = [0]
    for task, (places, answers) in found.items():
        assert places == slice(ends[-1], ends[-1] + len(answers)) and len(answers) > 1
        asked = {question.answer for heard in pool for question in heard.questions if question.task == task}
        assert answers == {answer: place for place, answer in enumerate(sorted(asked))}
        ends.append(places.stop)


def test_helpers_leave_no_trace(tmp_path: Path, pool: list[Heard]) -> None:
    """They move the encoder alone, by what they are told, and are in no state of the network."""
    trainer = Trainer(tmp_path, pool, SMALL)
    names = set(trainer.network.state_dict())
    batch = trainer.batch(0)
    trainer.network.hear(batch.clips)
    losses = trainer.helpers.losses(batch)
    assert set(losses) == set(SMALL.helpers) and all(loss.item() > 0 for loss in losses.values())
    sum(losses.values()).backward()
    moved = {name for name, tensor in trainer.network.named_parameters() if tensor.grad is not None}
    assert {name.split(".")[0] for name in moved} == {"audio", "embed_tokens"}
    assert set(trainer.network.state_dict()) == names
    silent = dataclasses.replace(batch, texts=[""] * len(batch.texts), answers=[[]] * len(batch.answers))
    trainer.network.hear(silent.clips)
    assert {name: loss.item() for name, loss in trainer.helpers.losses(silent).items()} == dict.fromkeys(losses, 0)


@pytest.mark.parametrize("together", [False, True])
def test_a_chat_is_asked_as_the_harness_asks_it(tmp_path: Path, pool: list[Heard], together: bool) -> None:
    trainer = Trainer(tmp_path, pool, SMALL)
    trainer.save()
    model = TinyQwenAudioChat(ModelConfig("", name="x", path=str(trainer.checkpoint)))
    model.load("cpu")
    for heard in [*pool[:4], next(heard for heard in pool if len(heard.mels) == 2)]:
        rows = tuple(clip.length.rows for clip in heard.clips())
        asked = [question for question in heard.questions if question.chat][:3]
        packed = converse(asked, rows, trainer.texts, together)
        lines = "".join(f"Audio {number}:<audio>{number}</audio>\n" for number in range(1, len(rows) + 1))
        for number, question in enumerate(asked):
            earlier = asked[:number] if together else []
            turns = [[("" if place else lines) + one.chat, one.answer] for place, one in enumerate(earlier)]
            request = Request("a", "", None, None, {"history": turns}, clips=len(rows))
            request = dataclasses.replace(request, prompt=model.render(question.chat, request))
            ids = model.encode(request, {str(place): count for place, count in enumerate(rows, 1)}).ids
            assert [*packed.begin, *packed.rests[number][: -packed.answers[number]]] == ids


def test_everything_is_trained(tmp_path: Path, pool: list[Heard]) -> None:
    """Gradients reach every part of the network, the tags and the encoder's first convolution with them."""
    trainer = Trainer(tmp_path, pool, SMALL)
    before = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    losses(trainer, 2)
    still = {name for name, tensor in trainer.network.state_dict().items() if torch.equal(tensor, before[name])}
    assert still == {"audio.positions"}


def test_the_same_recipe_gives_the_same_losses(tmp_path: Path, pool: list[Heard]) -> None:
    first = losses(Trainer(tmp_path / "a", pool, SMALL), 6)
    assert losses(Trainer(tmp_path / "b", list(reversed(pool)), SMALL), 6) == first
    other = Recipe(**{**SMALL.__dict__, "seed": 6})
    assert losses(Trainer(tmp_path / "c", pool, other), 1) != first[:1]


@pytest.mark.long
def test_the_first_200_steps_give_the_same_losses(tmp_path: Path) -> None:
    lessons = prepare(tmp_path / "lessons", Recipe().seed, 256, workers=2)
    curves = [losses(Trainer(tmp_path / name, lessons, Recipe()), 200) for name in ("a", "b")]
    assert curves[0] == curves[1]
    assert sum(step["loss"] for step in curves[0][-20:]) < 0.7 * sum(step["loss"] for step in curves[0][:20])


def test_a_stopped_training_goes_on_as_if_it_had_not_been(tmp_path: Path, pool: list[Heard]) -> None:
    whole = losses(Trainer(tmp_path / "whole", pool, SMALL), 5)
    begun = Trainer(tmp_path / "cut", pool, SMALL)
    losses(begun, 3)
    begun.save()
    resumed = Trainer(tmp_path / "cut", pool, SMALL)
    resumed.resume()
    assert resumed.step == 3
    assert losses(resumed, 2) == whole[3:]


def test_it_learns(tmp_path: Path, pool: list[Heard]) -> None:
    trainer = Trainer(tmp_path, pool, Recipe(**{**SMALL.__dict__, "rate": 1e-2}))
    curve = losses(trainer, 40)
    first, last = (np.mean([step["loss"] for step in part]) for part in (curve[:5], curve[-5:]))
    assert last < 0.7 * first
    assert np.mean([step["letters"] for step in curve[-5:]]) < np.mean([step["letters"] for step in curve[:5]])


def test_the_checkpoint_is_the_official_layout(tmp_path: Path, pool: list[Heard]) -> None:
    """It is loaded by the class of the released checkpoint, by whose names it is written, and answers as the network
    that was trained does."""
    trainer = Trainer(tmp_path, pool, SMALL)
    losses(trainer, 2)
    trainer.save()
    folder = trainer.checkpoint
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "qwen.tiktoken"
    }  # fmt: skip
    loaded = load_network(folder, read_architecture(folder), ["cpu"], torch.float32)
    for name, tensor in trainer.network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor.half().float()), name
    model = make_model(ModelConfig("evaluate.models.qwen_audio.model.QwenAudio", name="x", path=str(folder),
                                   dtype=Dtype.float32))  # fmt: skip
    model.load("cpu")
    example = make_example(11, 0)
    request = Request(id="a", prompt=example.asked[0].prompt, language=None, target_language=None, fields={},
                      clips=len(example.clips), audio=example.clips)  # fmt: skip
    [answer] = model.generate(model.prepare([request]), Generation(max_new_tokens=5))
    assert answer.new_tokens <= 5


def test_the_default_checkpoint_is_small_enough(tmp_path: Path, pool: list[Heard]) -> None:
    trainer = Trainer(tmp_path, pool, Recipe())
    assert 1_500_000 < trainer.parameters + 128 * 2 * 1_200 < 4_000_000  # the vocabulary of these few lessons is short
    trainer.save()
    assert (trainer.checkpoint / "model.safetensors").stat().st_size < 10_000_000


def test_the_training_writes_a_log(tmp_path: Path, pool: list[Heard]) -> None:
    short = Recipe(**{**SMALL.__dict__, "steps": 5})
    train(Trainer(tmp_path, pool, short), every=2)
    lines = read_log(tmp_path / "log.jsonl")
    assert [line["step"] for line in lines] == [2, 4, 5]
    assert all({"step", "loss", "letters", "pieces", "facts", "right", "seconds"} == line.keys() for line in lines)
    assert (tmp_path / "checkpoint" / "model.safetensors").is_file()
    picture = (tmp_path / "loss.svg").read_text("utf-8")
    assert picture.count("<polyline") == 2
    assert "step 5" in picture


def test_a_log_goes_on_where_its_state_does(tmp_path: Path, pool: list[Heard]) -> None:
    short = Recipe(**{**SMALL.__dict__, "steps": 6})
    train(Trainer(tmp_path / "whole", pool, short), every=2)
    first = Trainer(tmp_path / "cut", pool, short)
    train(first, until=0, every=2)
    assert first.step == 1
    with (tmp_path / "cut" / "log.jsonl").open("a") as file:
        file.write('{"step": 2, "loss": 1}\n{"step": 4, "lo')  # the state of step 1 knows nothing of these
    second = Trainer(tmp_path / "cut", pool, short)
    second.resume()
    train(second, every=2)
    lines = read_log(tmp_path / "cut" / "log.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 4, 6]
    whole = read_log(tmp_path / "whole" / "log.jsonl")
    assert [line["loss"] for line in lines[2:]] == [line["loss"] for line in whole[1:]]


def test_lessons_are_kept_as_they_were_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "SHARD", 4)
    made = prepare(tmp_path, 11, 6, workers=0)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))  # no espeak-ng any more
    read = prepare(tmp_path, 11, 6, workers=0)
    direct = [hear(make_example(11, number, tmp_path / f"speech-{pools.version()}")) for number in range(6)]
    for one, other, third in zip(made, read, direct, strict=True):
        assert (one.kind, one.questions, one.text) == (other.kind, other.questions, other.text)
        assert (one.questions, one.samples) == (third.questions, third.samples)
        assert all(np.array_equal(*mels) for mels in zip(one.mels, other.mels, strict=True))
        assert all(np.array_equal(*mels) for mels in zip(one.mels, third.mels, strict=True))


def test_another_recipe_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    (tmp_path / "recipe.json").write_text("{}")
    assert training.main([str(tmp_path), "--steps", "2"]) == 2
    assert "name another folder" in capsys.readouterr().err


def test_the_command_trains_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                        capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.setattr(pools, "SHARD", 4)
    words = [str(tmp_path / "training"), "--cache", str(tmp_path / "lessons"), "--workers", "0", "--threads", "1"]
    words += ["--lessons", "4", "--steps", "2", "--batch", "2", "--pieces", "150", "--seed", "5"]
    assert training.main([*words, "--minutes", "0"]) == 0
    assert "step 1 of 2, stopped: the same command goes on; model=tiny model.path=" in capsys.readouterr().out
    assert [line["step"] for line in read_log(tmp_path / "training" / "log.jsonl")] == [1]
    assert training.main(words) == 0
    assert [line["step"] for line in read_log(tmp_path / "training" / "log.jsonl")] == [1, 2]
    capsys.readouterr()
    assert training.main([*words, "--steps", "3"]) == 2
    assert "holds another training (steps 2, not 3); name another folder" in capsys.readouterr().err
    monkeypatch.setattr(training, "version", lambda: "another")
    assert training.main(words) == 2  # the lessons are made otherwise now
    assert f"(sources {pools.version()}, not another)" in capsys.readouterr().err


def test_a_damaged_state_is_named(tmp_path: Path, pool: list[Heard]) -> None:
    trainer = Trainer(tmp_path, pool, SMALL)
    for damage in (b"", b"no state"):
        (tmp_path / "resume.pt").write_bytes(damage)
        with pytest.raises(ResumeError, match="is no state of this training"):
            trainer.resume()


@pytest.mark.parametrize("option", ["--lessons", "--steps", "--batch", "--questions"])
def test_none_is_no_number_of(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        training.main([str(tmp_path / "training"), option, "0"])
    assert "0 is not 1 or more" in capsys.readouterr().err


def test_the_committed_checkpoint_is_what_its_card_says() -> None:
    """Small, in the official layout, loaded by the released checkpoint's class, with a log to its recipe's last step."""
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 12_000_000
    network = load_network(FOLDER, read_architecture(FOLDER), ["cpu"], torch.float32)
    card = (FOLDER / "README.md").read_text("utf-8")
    assert f"{sum(tensor.numel() for tensor in network.parameters()):,} parameters" in card
    assert "for demonstration and tests only" in card and "[silence]" in card and "Real digits" in card
    plain = Recipe()
    assert f"{plain.steps:,} steps of {plain.batch} lessons" in card and f"{plain.lessons:,} lessons" in card
    last = read_log(FOLDER / "log.jsonl")[-1]
    assert last["step"] == plain.steps and f"in {last['seconds'] / 60:.0f} minutes" in card
    assert f"cost {last['loss']:.2f} nats" in card and f"{last['right']:.0%} of the tokens" in card


def test_a_card_needs_a_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cards.main([str(tmp_path), str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("card: ") and not list(tmp_path.iterdir())
    (tmp_path / "recipe.json").write_text("{}")
    assert cards.main([str(tmp_path), str(tmp_path)]) == 2
    assert "it is no folder of a training" in capsys.readouterr().err
