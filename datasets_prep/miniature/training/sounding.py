"""Lessons of sounds: events with their times, captions, questions about them, scenes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datasets_prep.miniature.scenes import PLACES, SCENES
from datasets_prep.miniature.training.asking import Asked, ask, labels_of
from datasets_prep.miniature.training.lesson import Lesson, between, chance, choice, made, one_of, some_of, table

TUT = {
    "Bus": "bus",
    "Cafe": "cafe/restaurant",
    "Car": "car",
    "SubwayStation": "metro_station",
    "Park": "park",
    "ResidentialArea": "residential_area",
}
"""Scenes of CochlScene by their names in TUT Acoustic Scenes; its other ones are in PLACES."""
QUIET = ("rain", "wind", "sea_waves", "pouring_water", "crickets")
"""Events that stay in the background of others."""
HIGH = ("chirping_birds", "crickets", "insects", "glass_breaking")
LOW = ("cow", "engine", "engine_idling", "thunderstorm", "large_vehicle")
"""Events of a high and of a low pitch; the others lie between."""
VOICES = ("speech", "people_speaking", "crowd")
"""Events in which people talk, and not a word is understood."""
HEARD_IN = {
    "Bus": ("engine",),
    "Cafe": ("crowd", "dishes"),
    "Car": ("engine",),
    "CrowdedIndoor": ("crowd",),
    "Elevator": ("bell",),
    "Kitchen": ("pouring_water", "dishes"),
    "Park": ("chirping_birds",),
    "ResidentialArea": ("footsteps", "chirping_birds"),
    "Restaurant": ("crowd", "dishes", "street_music"),
    "Street": ("car",),
    "beach": ("sea_waves", "chirping_birds"),
    "city_center": ("car", "crowd", "footsteps"),
    "forest_path": ("footsteps", "chirping_birds"),
}
"""Of scenes, the events that one hears in them."""
NEUTRAL = (
    "Somebody is waiting at home.",
    "It is a Sunday in spring.",
    "The noise annoys the neighbours.",
    "A child has asked for this.",
    "The recording was made for a film.",
    "The owner will come back soon.",
)
"""Hypotheses that no sound decides."""
HYPOTHESIS = "aqa/audio_entailment"
YES_NO = "aqa/clothoaqa"
UNDERSTOOD = ("Can one understand what is said?", "Can one understand what somebody says?", "Is every word clear?")
WHAT = ("What is heard?", "What makes this sound?", "Which sound is this?")
Words = Mapping[str, Any]


def event(draw: np.random.Generator) -> Lesson:
    """One event, again and again or once: its label, and whether it is this or another."""
    label = one_of(draw, list(table("sounds")))
    words, seconds = table("sounds")[label], between(draw, 0.5, 1.4)
    asked: list[Asked] = []
    if label in labels_of("sec/esc50"):
        asked.append(ask("sec/esc50", label))
    if (urban := words.get("urban", label)) in labels_of("sec/urbansound8k"):
        asked.append(ask("sec/urbansound8k", urban))
    if "vocal" in words:
        asked += [ask("vsc/vocalsound", words["vocal"])] * 2
        asked.append(choice(draw, "chat/air_bench_foundation", "Which sound does the person make?", words["vocal"],
                            labels_of("vsc/vocalsound")))  # fmt: skip
    asked += _tags(draw, [words])
    asked += yes_no(draw, [label]) + _how(draw, label)
    asked.append(ask("aqa/clothoaqa", words["answer"], question=_open(draw, words)))
    if "animal" in words:
        animals = [other["animal"] for other in table("sounds").values() if "animal" in other]
        asked.append(choice(draw, "chat/mmau_mini", "Which animal is heard?", words["animal"], animals))
    return made([_recipe(draw, [(label, 0.0, seconds)], seconds)], asked)


def events(draw: np.random.Generator) -> Lesson:
    """Two events, one after the other: what, when, in words, and what follows from it."""
    first, second = some_of(draw, list(table("sounds")), 2)
    if chance(draw, 0.1):
        second = first
    lengths = (between(draw, 0.3, 0.9), between(draw, 0.3, 0.9))
    at = round(between(draw, 0.0, 0.3), 1)
    then = round(at + lengths[0] + between(draw, 0.1, 0.4), 1)
    whole = round(then + lengths[1] + between(draw, 0.05, 0.2), 2)
    ones, others = table("sounds")[first], table("sounds")[second]
    placed = [(first, at, round(lengths[0], 1)), (second, then, round(lengths[1], 1))]
    asked = _caption(draw, ones, others) + yes_no(draw, [first, second]) + _tags(draw, [ones, others])
    for key, task in (("desed", "sed/desed"), ("tut", "sed/tut_sed_2017")):
        known = [(words[key], start, start + length) for (_, start, length), words in
                 zip(placed, (ones, others), strict=True) if key in words]  # fmt: skip
        if known:
            asked.append(ask(task, _stamped(known)))
    for (label, start, length), words in zip(placed, (ones, others), strict=True):
        if first != second or label != second:
            phrase = f"{words['thing']} {words['does']}"
            asked.append(ask("sed/audio_grounding", f"<|{start:.2f}|><|{start + length:.2f}|>", phrase=phrase))
    asked += _entailment(draw, first, second)
    asked.append(_when(draw, others, placed, whole))
    return made([_recipe(draw, placed, whole)], asked)


def background(draw: np.random.Generator) -> Lesson:
    """An event over a quiet one."""
    label, behind = one_of(draw, list(table("sounds"))), one_of(draw, QUIET)
    words, other = table("sounds")[label], table("sounds")[behind]
    seconds = between(draw, 1.0, 1.8)
    text = f"{_capital(words['thing'])} {words['does']} while {other['thing']} {other['does']} in the background."
    asked = [ask("aac/clotho", text), *yes_no(draw, [label, behind])]
    recipe = _recipe(draw, [(label, 0.2, round(seconds - 0.4, 2))], seconds)
    return made([recipe | {"background": behind}], asked)


def scene(draw: np.random.Generator) -> Lesson:
    """A place."""
    name = one_of(draw, [*SCENES, *PLACES])
    answer = TUT.get(name, name)
    asked = [ask("asc/cochlscene", name)] if name in SCENES else []
    if answer in labels_of("asc/tut2017"):
        asked.append(ask("asc/tut2017", answer))
    options = [label.replace("_", " ") for label in labels_of("asc/tut2017")]
    said = answer.replace("_", " ")
    if name in HEARD_IN:
        asked += yes_no(draw, HEARD_IN[name])
    asked.append(choice(draw, "chat/air_bench_foundation", "Where was this recorded?", said, options))
    recipe = {"scene": name, "seconds": between(draw, 0.8, 1.7), "seed": int(draw.integers(1, 2**31))}
    return made([recipe], asked)


def _recipe(draw: np.random.Generator, placed: Sequence[tuple[str, float, float]], seconds: float) -> dict[str, Any]:
    events = [
        {"label": label, "at": start, "for": length, "decibels": between(draw, -6, 3)}
        for label, start, length in placed
    ]
    return {"events": events, "seconds": seconds}


def yes_no(draw: np.random.Generator, labels: Sequence[str]) -> list[Asked]:
    """Two questions, one to be answered yes and one no, as people ask them."""
    sounds = table("sounds")
    heard, absent = _also(labels), _absent(labels)
    asked = []
    for words, answer in ((sounds[one_of(draw, sorted(heard))], "yes"), (one_of(draw, absent), "no")):
        happens = f"{words['thing']} {words['is']}?"
        forms = (
            f"{_capital(_verb(words))} {happens}",
            f"Is there the sound of {happens}",
            f"Does one hear {happens}",
            f"{'Do' if _verb(words) == 'are' else 'Does'} {words['thing']} {bare(words)}?",
        )
        asked.append(ask(YES_NO, answer, question=forms[0] if chance(draw, 0.6) else one_of(draw, forms)))
    return asked


def _also(labels: Sequence[str]) -> set[str]:
    """The events that one hears in some, by whatever name."""
    return {*labels, *(other for label in labels for other in table("sounds")[label].get("also", ()))}


def _absent(labels: Sequence[str]) -> list[Words]:
    """The words of events that surely are not heard in some."""
    sounds, heard = table("sounds"), _also(labels)
    named = {sounds[label]["thing"] + sounds[label]["is"] for label in heard}
    return [
        words
        for words in sounds.values()
        if words["thing"] + words["is"] not in named and not heard & {*words.get("also", ())}
    ]


def _how(draw: np.random.Generator, label: str) -> list[Asked]:
    """Whether a sound is high or low, and whether one understands what is said in it."""
    asked = []
    if label in HIGH or label in LOW:
        asked_high = chance(draw, 0.5)
        forms = ("Is the sound {}?", "Is it a {} sound?", "Is the pitch of the sound {}?")
        question = one_of(draw, forms).format("high" if asked_high else "low")
        asked.append(ask(YES_NO, "yes" if (label in HIGH) == asked_high else "no", question=question))
    if label in VOICES:
        asked.append(ask(YES_NO, "no", question=one_of(draw, UNDERSTOOD)))
    return asked


def _open(draw: np.random.Generator, words: Words) -> str:
    if words["thing"] in ("someone", "a person", "a man", "a woman"):
        return one_of(draw, ["What is the person doing?", "What does the person do?"])
    if words["thing"] in ("somebody", "several people", "a crowd", "children"):
        return f"Who is {words['is']}?"
    if "animal" in words or words["answer"] in ("birds", "crickets", "insects", "pig", "frog", "hen", "sheep", "crow"):
        return one_of(draw, ["Which animals are heard?", "Which animal is heard?", f"What is {words['is']}?"])
    return one_of(draw, [f"What is {words['is']}?", *WHAT])


def _tags(draw: np.random.Generator, heard: Sequence[Words]) -> list[Asked]:
    """The names of AudioSet and FSD50K: several of each sound."""
    tags = [tag for words in heard for tag in words.get("tags", ())]
    task = one_of(draw, ["sec/audioset", "sec/fsd50k"])
    return [ask(task, ", ".join(tags))] if tags else []


def _caption(draw: np.random.Generator, ones: Words, others: Words) -> list[Asked]:
    first, then = f"{ones['thing']} {ones['is']}", f"{others['thing']} {others['is']}"
    does, after = f"{ones['thing']} {ones['does']}", f"{others['thing']} {others['does']}"
    captions = (f"{_capital(first)} followed by {then}", f"{_capital(does)} and then {after}")
    sentences = (f"{_capital(does)} and then {after}.", f"{_capital(first)} is followed by {then}.")
    happens = f"First {does}, then {after}."
    return [
        ask("aac/audiocaps", one_of(draw, captions)),
        ask("aac/clotho", one_of(draw, sentences)),
        ask("chat/air_bench_chat", happens, question="What happens in this recording?"),
    ]


def _entailment(draw: np.random.Generator, first: str, second: str) -> list[Asked]:
    """A hypothesis and what the sound says of it; words alone decide those that are neutral or say "nothing but"."""
    sounds = table("sounds")
    things = [sounds[label]["thing"] for label in (first, second)]
    absent = one_of(draw, [words for words in _absent([first, second]) if words["thing"] not in things])
    label = one_of(draw, ["entailment", "contradiction", "neutral"])
    if label == "neutral":
        return [ask(HYPOTHESIS, label, hypothesis=one_of(draw, NEUTRAL))]
    right = label == "entailment"
    ones, others = (sounds[first], sounds[second]) if right else (sounds[second], sounds[first])
    there = (sounds[one_of(draw, [first, second])] if right else absent)["thing"]
    missing = absent["thing"] if right else one_of(draw, [ones, others])["thing"]
    texts = [f"{_capital(there)} is heard.", f"There is no sound of {missing}."]
    if things[0] != things[1]:
        texts.append(f"{_capital(others['thing'])} is heard after {ones['thing']}.")
        texts.append(f"{_capital(ones['thing'])} {ones['does']} before {others['thing']} {others['does']}.")
    if not right:
        texts.append(f"Nothing but {there} is heard.")
    return [ask(HYPOTHESIS, label, hypothesis=one_of(draw, texts))]


def _when(draw: np.random.Generator, words: Words, placed: Sequence[tuple[str, float, float]], whole: float) -> Asked:
    spans = [f"[{start:.2f}, {start + length:.2f}]" for _, start, length in placed]
    others = [spans[0], f"[0.00, {whole:.2f}]", f"[{placed[0][1] + placed[0][2]:.2f}, {placed[1][1]:.2f}]"]
    question = f"When {_verb(words)} {words['thing']} {words['is']}?"
    return choice(draw, "chat/air_bench_foundation", question, spans[1], others)


def _stamped(spans: Sequence[tuple[str, float, float]]) -> str:
    return "".join(f"<|{start:.2f}|>{label}<|{end:.2f}|>" for label, start, end in spans)


def _verb(words: Words) -> str:
    return "are" if words.get("many") or words["thing"].startswith("several") else "is"


def bare(words: Words) -> str:
    """What a thing does, as it stands after ``does``: ``bark``, ``cry``, ``pass``, ``be poured``."""
    verb, *rest = words["does"].split()
    if verb == "is":
        verb = "be"
    elif not words.get("many"):
        ending = next(end for end in ("ies", "sses", "zzes", "ches", "shes", "s") if verb.endswith(end))
        verb = verb.removesuffix("ies") + "y" if ending == "ies" else verb.removesuffix("s" if ending == "s" else "es")
    return " ".join([verb, *rest])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
