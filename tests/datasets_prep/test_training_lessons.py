"""Lessons: the same for the same seed, of the miniature's kind, and nothing of the miniature in them."""

import hashlib
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from datasets_prep.miniature.recipes import Recipe
from datasets_prep.miniature.training import committed, playing, sounding, spoken
from datasets_prep.miniature.training.__main__ import main
from datasets_prep.miniature.training.asking import labels_of
from datasets_prep.miniature.training.hearing import hear
from datasets_prep.miniature.training.lesson import HeldError, Lesson, made
from datasets_prep.miniature.training.stream import KINDS, draw_lesson, make_example, stream

ROOT = Path(__file__).parents[2]
MINIATURE = ROOT / "datasets_prep" / "miniature" / "data"
CONFIGS = ROOT / "configs" / "task"
SEED = 7


@pytest.fixture(scope="module")
def lessons() -> list[tuple[str, Lesson]]:
    """Drawn, not made: quick."""
    return [draw_lesson(np.random.default_rng((SEED, number))) for number in range(1_500)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("speech")


def parts(recipe: Recipe) -> Iterator[Recipe]:
    yield recipe
    for kind in ("sequence", "overlap"):
        for part in recipe.get(kind, ()):
            yield from parts(part)


def test_a_lesson_is_the_same_wherever_it_is_made(cache: Path) -> None:
    whole = list(stream(SEED, 20, cache=cache))
    cut = list(stream(SEED, 3, start=17))  # without a cache, from the middle
    apart = list(stream(SEED, 20, workers=1, cache=cache))
    for one, other in [*zip(whole[17:], cut, strict=True), *zip(whole, apart, strict=True)]:
        assert (one.number, one.kind, one.asked, one.text) == (other.number, other.kind, other.asked, other.text)
        assert all(np.array_equal(*clips) for clips in zip(one.clips, other.clips, strict=True))
    assert [example.number for example in whole] == list(range(20))
    other_seed = make_example(SEED + 1, 0, cache)
    assert not np.array_equal(other_seed.clips[0], whole[0].clips[0])


def test_clips_are_short_mono_and_finite(cache: Path) -> None:
    for example in stream(SEED, 20, cache=cache):
        for clip in example.clips:
            assert clip.dtype == np.float32
            assert clip.ndim == 1
            assert 0 < len(clip) <= 4 * 16_000
            assert np.isfinite(clip).all()
            assert 0.005 < np.abs(clip).max() <= 1


def test_no_clip_is_one_of_the_miniature(cache: Path, lessons: list[tuple[str, Lesson]]) -> None:
    held = set()
    for manifest in MINIATURE.glob("*/*.jsonl"):
        for line in manifest.read_text("utf-8").splitlines():
            audio = json.loads(line)["audio"]
            held |= {clip["sha256"] for clip in (audio if isinstance(audio, list) else [audio])}
    assert len(held) > 200
    for example in stream(SEED, 60, cache=cache):
        for clip in example.clips:
            assert hashlib.sha256(clip.astype("<f4").tobytes()).hexdigest() not in held
    assert not any(committed.is_clip(recipe) for _, lesson in lessons for recipe in lesson.recipes)


def test_a_clip_of_the_miniature_is_refused() -> None:
    with pytest.raises(HeldError, match="clip of the miniature"):
        made([{"say": "stop", "voice": "en-gb"}], [])
    made([{"say": "stop", "voice": "en-gb", "pitch": 51}], [])
    with pytest.raises(HeldError, match="clip of the miniature"):
        made([{"note": {"family": "brass", "pitch": 60, "velocity": 75}, "seconds": 0.6}], [])


def test_no_sentence_of_the_miniature_is_said(lessons: list[tuple[str, Lesson]]) -> None:
    held = {language: {" ".join(units) for units in all_units if len(units) > 1}
            for language, all_units in committed.sentences().items()}  # fmt: skip
    assert "the lamp burned all night" in held["en"]
    assert "we plant a tree every spring" in held["en"]
    assert "今 天 下 午 有 会 议" in held["zh"]
    assert "turn on the lights in the kitchen" in held["en"]
    said = 0
    for _, lesson in lessons:
        for part in (part for recipe in lesson.recipes for part in parts(recipe)):
            if "say" in part:
                said += 1
                language = committed.language_of(part["voice"])
                spoken_units = f" {' '.join(committed.units_of(part['say'], language))} "
                assert not [text for text in held.get(language, ()) if f" {text} " in spoken_units]
    assert said > 500


@pytest.mark.parametrize(
    ("text", "language", "held"),
    [
        ("The lamp burned all day", "en", True),  # four words in a row
        ("The lamp burned slowly", "en", False),
        ("my tea is ready now", "en", True),  # a whole sentence of three words
        ("tea is not ready", "en", False),
        ("stop", "en", False),
        ("他今天下午喝茶", "zh", True),
        ("下午喝茶", "zh", False),
    ],
)
def test_what_is_too_near_to_a_sentence(text: str, language: str, held: bool) -> None:
    assert committed.is_held(text, language) == held


def test_words_of_the_miniature_are_all_taught() -> None:
    """Recognition is over a closed vocabulary: the words of the miniature, in other sentences."""
    draw = np.random.default_rng(SEED)
    wanted = {word for units in committed.sentences()["en"] for word in units}
    heard: set[str] = set()
    for _ in range(3_000):
        heard |= {*spoken._recombined(draw, "en").split()}
    assert wanted <= heard


def test_every_type_of_task_is_taught(lessons: list[tuple[str, Lesson]]) -> None:
    known = {path.parent.name for path in CONFIGS.glob("*/*.yaml")
             if "qwen_audio:" in path.read_text("utf-8") and path.stem != "manifest"}  # fmt: skip
    taught = {asked.type for _, lesson in lessons for asked in lesson.asked}
    assert known - taught == set()
    assert {kind for kind, _ in lessons} == {kind.__name__ for kind in KINDS}


def test_answers_are_spelt_as_the_tasks_spell_them(lessons: list[tuple[str, Lesson]]) -> None:
    seen = set()
    for _, lesson in lessons:
        for asked in lesson.asked:
            labels = labels_of(asked.task)
            if not labels or asked.type in ("sed", "slots", "ic", "entities", "chat"):
                continue
            seen.add(asked.task)
            several = asked.answer.split(", ") if asked.task == "smer/mtg_jamendo_mood" else [asked.answer]
            assert [one for one in several if one not in labels] == [], asked
    assert len(seen) > 20


def test_a_choice_has_its_answer_among_its_options(lessons: list[tuple[str, Lesson]]) -> None:
    places = set()
    for _, lesson in lessons:
        for asked in lesson.asked:
            if options := re.findall(r"\n([A-D])\. ([^\n<]*)", asked.prompt):
                texts = [text for _, text in options]
                assert texts.count(asked.answer) == 1, asked
                assert len(set(texts)) == len(texts)
                places.add(options[texts.index(asked.answer)][0])
    assert places == set("ABCD")


def told_of(words: dict[str, str]) -> set[str]:
    """What a question about an event holds: ``a dog barking``, ``a dog bark``, ``Is a dog barking``."""
    return {f"{words['thing']} {words['is']}?", f"{words['thing']} {sounding.bare(words)}?"}


def test_yes_and_no_are_right(lessons: list[tuple[str, Lesson]]) -> None:
    """Yes is said of what is heard, by any of its words, and no of nothing that is heard."""
    sounds, answers = sounding.table("sounds"), []
    for kind, lesson in lessons:
        if kind in ("event", "events", "background"):
            recipe = lesson.recipes[0]
            labels = {event["label"] for event in recipe["events"]} | {recipe.get("background")} - {None}
            labels |= {other for label in labels for other in sounds[label].get("also", ())}
            heard = set[str]().union(*(told_of(sounds[label]) for label in labels))
            named = set[str]().union(*map(told_of, sounds.values()))
            for asked in lesson.asked:
                question = asked.chat.partition("?")[0] + "?"
                if asked.answer in ("yes", "no") and any(question.endswith(f" {told}") for told in named):
                    assert any(question.endswith(f" {told}") for told in heard) == (asked.answer == "yes"), asked
                    answers.append(asked.answer)
    assert answers.count("yes") == answers.count("no") > 200


def test_a_bell_is_a_bell_in_church_too() -> None:
    """What is heard under two names is denied under neither."""
    draw, denied = np.random.default_rng(0), set[str]()
    for _ in range(2_000):
        yes, no = sounding.yes_no(draw, ["church_bells"])
        assert "bell" in yes.chat
        denied.add(no.chat)
    assert len(denied) > 100 and not any("bell" in question for question in denied)
    assert not any("church" in sounding.yes_no(draw, ["bell"])[1].chat for _ in range(2_000))


def test_a_hypothesis_is_not_decided_by_its_words(lessons: list[tuple[str, Lesson]]) -> None:
    """What follows what is said of both orders, and each is right now and then."""
    sounds, found = sounding.table("sounds"), set[tuple[str, bool]]()
    for kind, lesson in lessons:
        if kind == "events":
            first, second = (sounds[event["label"]]["thing"] for event in lesson.recipes[0]["events"])
            [asked] = [asked for asked in lesson.asked if asked.task == sounding.HYPOTHESIS]
            said = re.search("leave open: (.*?) is heard after (.*?)[.]", asked.prompt)
            if said and first != second:
                found.add((asked.answer, said[1].casefold() == second.casefold()))
    assert found == {("entailment", True), ("contradiction", False)}


@pytest.mark.parametrize(
    ("label", "bare"),
    [("dog", "bark"), ("crying_baby", "cry"), ("frying", "fry"), ("car", "pass"), ("insects", "buzz"),
     ("chirping_birds", "sing"), ("footsteps", "walk"), ("throat_clearing", "clear the throat"),
     ("pouring_water", "be poured"), ("glass_breaking", "break"), ("siren", "wail")],
)  # fmt: skip
def test_what_a_thing_does_in_a_question(label: str, bare: str) -> None:
    assert sounding.bare(sounding.table("sounds")[label]) == bare


def test_times_of_words_follow_the_sound(cache: Path) -> None:
    draw = np.random.default_rng(3)
    for _ in range(4):
        lesson = spoken.timed(draw)
        clips, asked = hear(draw, lesson, cache)
        found = [float(text) for text in re.findall(r"<\|(\d+\.\d\d)\|>", asked[0].answer)]
        words = re.findall(r"<\|\d+\.\d\d\|>([A-Z']+)", asked[0].answer)
        assert [word.lower() for word in words] == lesson.text.split()
        assert all(one <= other for one, other in pairwise(found))
        assert found[-1] == pytest.approx(len(clips[0]) / 16_000, abs=0.01)
        assert np.abs(clips[0][: round((found[1] - 0.005) * 16_000)]).max() < 0.02 * np.abs(clips[0]).max() + 0.02
        assert np.abs(clips[0][round(found[1] * 16_000) : round(found[2] * 16_000)]).max() > 0.02


def test_times_of_two_people_are_numbers(cache: Path) -> None:
    draw, seen = np.random.default_rng(5), 0
    while seen < 2:
        try:
            lesson = spoken.turns(draw)
        except HeldError:
            continue
        seen += 1
        clips, asked = hear(draw, lesson, cache)
        for one in asked:
            assert "@" not in one.answer
            if one.type in ("sd", "osr"):
                segments = json.loads(one.answer)
                assert [segment["speaker"] for segment in segments] == ["A", "B"]
                if "start" in segments[0]:
                    assert segments[0]["start"] == 0.06
                    assert 0.4 < segments[1]["start"] < segments[1]["end"] < len(clips[0]) / 16_000


def test_what_was_said_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = spoken.keyword(np.random.default_rng(1))
    first, _ = hear(np.random.default_rng(2), lesson, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    again, _ = hear(np.random.default_rng(2), lesson, tmp_path)
    assert np.array_equal(first[0], again[0])


def test_loudness_stays_where_it_is_an_answer() -> None:
    lesson = playing.note(np.random.default_rng(1))
    assert lesson.level
    clips = [hear(np.random.default_rng(seed), lesson, None)[0][0] for seed in (1, 2)]
    assert np.array_equal(*clips)


def test_the_command_writes_lessons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    assert main([str(folder), "--count", "3", "--seed", "2"]) == 0
    lines = [json.loads(line) for line in (folder / "lessons.jsonl").read_text("utf-8").splitlines()]
    assert [line["number"] for line in lines] == [0, 1, 2]
    for line in lines:
        assert all((folder / name).is_file() for name in line["audio"])
        assert all({"task", "prompt", "chat", "answer"} == set(asked) for asked in line["asked"])
    assert main([str(folder)]) == 2
    assert "name another folder" in capsys.readouterr().err


def test_the_command_needs_espeak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                  capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert main([str(tmp_path / "out"), "--count", "30"]) == 2
    assert "espeak-ng is not installed" in capsys.readouterr().err
