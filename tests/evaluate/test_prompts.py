"""Prompts: places are filled from the sample; what is missing has a sentence before any model loads."""

import pytest

from datasets_prep.manifest import Clip, Sample
from evaluate.config import ModelConfig, Task
from evaluate.models.base import Model, Request, UnsuitedError
from evaluate.prompts import PromptError, check_styles, fill, render, template_of


class Reader(Model):
    prompt_styles = ("chat", "plain")

    def load(self, device: str) -> None: ...

    def prepare(self, requests: object) -> object: ...

    def generate(self, batch: object, generation: object) -> list[str]:
        return []


MODEL = Reader(ModelConfig(_target_="x", name="reader", path=None))


def sample(**fields: object) -> Sample:
    return Sample("s", (Clip("a.wav"), Clip("b.wav")), ("r",), None, None, fields)


def read(template: str, task: Task | None = None, **fields: object) -> Request:
    task = task or Task(name="t")
    task.prompt = {"plain": template}
    return render(sample(**fields), task, MODEL)


def test_places_are_filled_and_clips_stand_in_front() -> None:
    request = read("{question} {{sic}}", question="What {is} <this>?")
    assert request.prompt == "<audio>1</audio><audio>2</audio>What {is} <this>? {sic}"
    assert (
        read("First <audio>2</audio>, then <audio>1</audio>.").prompt
        == "First <audio>2</audio>, then <audio>1</audio>."
    )


def test_languages_choices_and_labels() -> None:
    task = Task(name="t", language="de", target_language="zh", labels=["dog", "cat"])
    assert read("{language} {target_language} {language_name} {target_language_name}", task).prompt.endswith(
        "de zh German Mandarin"
    )
    assert read("{labels}", task).prompt.endswith("dog, cat")
    assert read("{choices}", choices=["a dog", "a cat"]).prompt.endswith("A. a dog\nB. a cat")
    assert read("{choices}", choices={"X": "a dog"}).prompt.endswith("X. a dog")
    assert read("Q{options}", choices=["a dog", "a cat"]).prompt.endswith("Q\nA. a dog\nB. a cat")
    assert read("Q{options}").prompt.endswith("Q")
    request = read("{language}", Task(name="t"), language="fr")
    assert (request.language, request.target_language, request.clips) == ("fr", None, 2)
    assert read("", Task(name="t", language="de"), language="fr").language == "de"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{queston}", "did you mean 'question'?"),
        ("{language}", "task.language sets it for all"),
        ("{target_language_name}", "task.target_language sets it for all"),
        ("{question.__class__}", "a place is a plain {name}"),
        ("{question!r}", "a place is a plain {name}"),
        ("{0}", "a place is a plain {name}"),
        ("{", "is no template"),
    ],
)
def test_a_place_that_cannot_be_filled(template: str, said: str) -> None:
    with pytest.raises(PromptError) as error:
        read(template, question="Q")
    assert said in str(error.value) and "sample s" in str(error.value)


def test_the_style_is_the_models_first_that_the_task_has() -> None:
    assert template_of(Task(name="t", prompt={"plain": "p", "chat": "c"}), MODEL) == ("chat", "c")
    with pytest.raises(UnsuitedError, match="spoken to as chat or plain; it has whisper"):
        template_of(Task(name="t", prompt={"whisper": "w"}), MODEL)
    with pytest.raises(PromptError, match="did you mean 'qwen_audio'"):
        check_styles(Task(name="t", prompt={"qwen_audo": ""}), MODEL)
    with pytest.raises(PromptError, match="'language' must be a text"):
        read("", language=3)


def test_values_are_never_templates() -> None:
    assert fill("{a}{b}", {"a": "{b}", "b": "{a}"}, "here") == "{b}{a}"
