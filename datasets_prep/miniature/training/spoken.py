"""Lessons in which somebody speaks: words, sentences, moods, commands, questions, two people."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from datasets_prep.miniature.recipes import MOODS
from datasets_prep.miniature.training import committed, sounding
from datasets_prep.miniature.training.asking import Asked, ask, labels_of
from datasets_prep.miniature.training.lesson import HeldError, Lesson, between, chance, choice, made, one_of, table

KEYWORDS = {"v1": "ks/speech_commands_v1", "v2": "ks/speech_commands_v2"}
RECOGNITION = {"en": "asr/librispeech", "zh": "asr/aishell1", "fr": "asr/common_voice_15_fr"}
"""Of other languages ``asr/fleurs``."""
TAGGED = ("en", "zh", "de", "es", "ko", "fr", "ja", "it")
"""Languages that Qwen-Audio has a tag for: only these are asked about in its prompts."""
EMOTIONS: dict[str, dict[str, str]] = {
    "emotion/crema_d": {"angry": "anger", "fearful": "fear"},
    "emotion/iemocap": {},
    "emotion/meld": {"happy": "joy", "sad": "sadness", "angry": "anger", "surprised": "surprise", "fearful": "fear"},
    "emotion/ravdess": {},
}
"""By task, how it spells moods that it does not spell as the recipes do."""
AGES = ((60, "teens", "teens to twenties"), (50, "twenties", "teens to twenties"), (42, "fourties",
        "thirties to forties"), (0, "sixties", "sixties to seventies"))  # fmt: skip
"""From which pitch of the voice on, and the age: an agreement of the lessons, for espeak-ng has no age."""
QUESTIONED = 0.1
"""Share of the sentences about which it is asked, too, what is asked about sounds."""
HEARD = 0.5
"""Share of pairs of words in a made-up sentence that follow each other somewhere in the miniature."""


@dataclass(frozen=True)
class Speaker:
    language: str
    voice: str
    pitch: int
    woman: bool

    @classmethod
    def drawn(cls, draw: np.random.Generator, language: str) -> "Speaker":
        words, woman = table("words"), chance(draw, 0.5)
        variant = one_of(draw, words["women" if woman else "men"])
        voice = one_of(draw, words["voices"][language]) + (f"+{variant}" if variant else "")
        return cls(language, voice, int(draw.integers(45, 72) if woman else draw.integers(30, 58)), woman)

    def say(self, draw: np.random.Generator, text: str, **more: Any) -> dict[str, Any]:
        """A recipe. Raises HeldError for a sentence of the miniature."""
        if committed.is_held(text, self.language):
            raise HeldError(f"'{text}' is too near to a sentence of the miniature")
        quick = self.language in committed.WITHOUT_BLANKS
        speed = int(draw.integers(185, 230) if quick else draw.integers(160, 215))
        return {"say": text, "voice": self.voice, "pitch": self.pitch, "speed": speed, **more}

    @property
    def gender(self) -> str:
        return "female" if self.woman else "male"


def keyword(draw: np.random.Generator) -> Lesson:
    """One of the words of Speech Commands."""
    task = KEYWORDS[one_of(draw, list(KEYWORDS))]
    word = one_of(draw, labels_of(task))
    speaker = Speaker.drawn(draw, "en")
    recipe = speaker.say(draw, word, speed=int(draw.integers(140, 230)))
    return made([recipe], [ask(task, word), ask("asr/librispeech", word, language="en")], word)


def sentence(draw: np.random.Generator) -> Lesson:
    """A sentence in any language: what is said, in which language, by whom."""
    shares = table("words")["languages"]
    language = str(draw.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values())))
    translated = chance(draw, 0.1 if language in ("en", "zh") else 0.4)
    if translated and language in table("words")["phrases"]["who"][0]:
        return _translated(draw, language)
    text = _pattern(draw) if language == "en" and chance(draw, 0.5) else _recombined(draw, language)
    return _said(draw, Speaker.drawn(draw, language), text)


def mood(draw: np.random.Generator) -> Lesson:
    """A sentence in a mood."""
    task = one_of(draw, list(EMOTIONS))
    spelt = EMOTIONS[task]
    labels = labels_of(task)
    name = one_of(draw, [name for name in MOODS if spelt.get(name, name) in labels])
    speaker = Speaker.drawn(draw, "en")
    speaker = Speaker("en", speaker.voice, int(draw.integers(47, 54)), speaker.woman)
    text = _pattern(draw)
    recipe = speaker.say(draw, text, mood=name, speed=int(draw.integers(175, 186)))
    answer = spelt.get(name, name)
    asked = [ask(task, answer), ask("asr/librispeech", _answer(text, "en"), language="en")]
    question = one_of(draw, ["In which emotion does the person speak?", "How does the speaker feel?"])
    asked.append(choice(draw, "chat/air_bench_foundation", question, answer, labels))
    return made([recipe], asked, _answer(text, "en"), level=True)


def command(draw: np.random.Generator) -> Lesson:
    """A command: what is to be done, to what, and where."""
    words = table("words")
    entry = one_of(draw, words["commands"])
    slots = {key: one_of(draw, values) for key, values in words["slots"].items() if f"{{{key}}}" in entry["say"]}
    text = entry["say"].format_map(slots)
    asked = [ask("asr/librispeech", _answer(text, "en"), language="en")]
    if "action" in entry:
        place = slots.get("place", "none")
        meant = {"action": entry["action"], "object": entry["object"].format_map(slots), "location": place}
        asked.append(ask("ic/fluent_speech_commands", json.dumps(meant)))
    if "scenario" in entry:
        filled = {words["types"][key]: value for key, value in slots.items() if key in words["types"]}
        entities = [{"type": key, "filler": value} for key, value in filled.items()]
        meant = {"scenario": entry["scenario"], "action": entry["does"]}
        asked.append(ask("ic/slurp_intent", json.dumps(meant)))
        asked.append(ask("entities/slurp", json.dumps({"entities": entities})))
        asked.append(ask("slots/slurp_slots", json.dumps(filled)))
        names = sorted({f"{other['scenario']}_{other['does']}" for other in words["commands"] if "scenario" in other})
        right = f"{entry['scenario']}_{entry['does']}"
        asked.append(choice(draw, "chat/air_bench_foundation", "What does the speaker want?", right, names))
    return made([Speaker.drawn(draw, "en").say(draw, text)], asked, _answer(text, "en"))


def timed(draw: np.random.Generator) -> Lesson:
    """Words one by one, each of which begins where the one before ends; ``hearing`` fills in when."""
    speaker = Speaker.drawn(draw, "en")
    words = [_word(draw) for _ in range(int(draw.integers(2, 4)))]
    if committed.is_held(" ".join(words), "en"):
        raise HeldError(f"'{' '.join(words)}' is too near to a sentence of the miniature")
    told = "".join(f"<|@begin{number}@|>{word.upper()}" for number, word in enumerate(words))
    answer = f"<|0.00|><|sil|>{told}<|@end{len(words) - 1}@|><|sil|><|@whole@|>"
    recipe = {"sequence": [speaker.say(draw, word) for word in words]}
    return made([recipe], [ask("srwt/librispeech_words", answer, language="en")], " ".join(words), timed=True)


def turns(draw: np.random.Generator) -> Lesson:
    """A man and a woman, one after the other or at once: who, when, and what; ``hearing`` fills in when."""
    speakers = [Speaker.drawn(draw, "en"), Speaker.drawn(draw, "en")]
    if speakers[0].woman == speakers[1].woman:
        raise HeldError("the two voices are too much alike")
    said = [" ".join(_pattern(draw).split()[:4]) for _ in speakers]
    spoken = [speaker.say(draw, text) for speaker, text in zip(speakers, said, strict=True)]
    recipe = {"overlap": spoken, "delay": between(draw, 0.4, 1.2)}
    who = [{"speaker": "AB"[place], "start": f"@begin{place}@", "end": f"@end{place}@"} for place in range(2)]
    what = [segment | {"words": text} for segment, text in zip(who, said, strict=True)]
    plain = [{"speaker": name, "words": text} for name, text in zip("AB", said, strict=True)]
    asked = [
        ask(one_of(draw, ["sd/ami", "sd/libri2mix"]), json.dumps(who)),
        ask("osr/ami_overlap", json.dumps(what)),
        ask("osr/libri2mix", json.dumps(plain)),
    ]
    question = one_of(draw, ["How many speakers are there?", "How many people are speaking?"])
    asked.append(choice(draw, "chat/air_bench_foundation", question, "two", ["one", "three", "four"]))
    return made([recipe], asked, timed=True)


def same(draw: np.random.Generator) -> Lesson:
    """Two recordings, of one person or of two."""
    speakers = [Speaker.drawn(draw, "en")] * 2
    if chance(draw, 0.5):
        speakers[1] = Speaker.drawn(draw, "en")
        if speakers[1].voice == speakers[0].voice:
            raise HeldError("the second voice is the first")
    recipes = [speaker.say(draw, _pattern(draw)) for speaker in speakers]
    answer = "yes" if speakers[0] == speakers[1] else "no"
    return made(recipes, [ask("sv/voxceleb1", answer, clips=2)])


def question(draw: np.random.Generator) -> Lesson:
    """A spoken question, and its answer."""
    entry = one_of(draw, table("words")["questions"])
    about = one_of(draw, list(entry["of"]))
    text = entry["ask"].format(about)
    answer = entry["of"][about]
    tasks = ["chat/llama_questions", "chat/openaudiobench", "chat/voicebench_sd_qa"]
    asked = [ask("chat/voicebench_bbh" if answer in ("yes", "no") else one_of(draw, tasks), answer)]
    asked.append(ask("asr/librispeech", _answer(text, "en"), language="en"))
    return made([Speaker.drawn(draw, "en").say(draw, text)], asked, _answer(text, "en"))


def _said(draw: np.random.Generator, speaker: Speaker, text: str, translations: Sequence[Asked] = ()) -> Lesson:
    language, answer = speaker.language, _answer(text, speaker.language)
    asked = [ask("lid/voxlingua107", language if language in labels_of("lid/voxlingua107") else "zh"), *translations]
    asked.append(ask("gender/voxceleb1", speaker.gender))
    if language in TAGGED:
        asked.append(ask(RECOGNITION.get(language, "asr/fleurs"), answer, language=language))
        asked.append(ask("gender/common_voice", speaker.gender, language=language))
    if language == "en":
        age = next(entry for entry in AGES if speaker.pitch >= entry[0])
        asked.append(ask("age/common_voice", age[1], language="en"))
    if language == "zh":
        asked.append(ask("did/kespeech_dialect", "Mandarin"))
    if chance(draw, QUESTIONED):
        asked += sounding.yes_no(draw, ["speech"])
        asked.append(ask(sounding.YES_NO, "yes", question=one_of(draw, sounding.UNDERSTOOD)))
    names = table("words")["names"]
    which, who = "Which language is spoken?", "What is the gender of the speaker?"
    task = "chat/air_bench_foundation"
    asked.append(choice(draw, task, which, names[language], list(names.values())))
    asked.append(choice(draw, task, who, speaker.gender, ["male", "female"], most=2))
    return made([speaker.say(draw, text)], asked, answer if language in TAGGED else "")


def _translated(draw: np.random.Generator, language: str) -> Lesson:
    words = table("words")
    parts = {key: one_of(draw, values) for key, values in words["phrases"].items()}

    def worded(target: str) -> str:
        order = words["orders"].get(target, words["orders"]["other"])
        return ("" if target == "zh" else " ").join(filter(None, (parts[key][target] for key in order)))

    def written(target: str) -> str:
        return worded(target) + "。" if target == "zh" else worded(target)[:1].upper() + worded(target)[1:] + "."

    targets = ["de", "zh"] if language == "en" else ["en"]
    for target in targets:
        if committed.is_held(worded(target), target):
            raise HeldError("a translation is too near to a sentence of the miniature")
    asked = [ask("s2tt/covost2", written(to), language=language, target_language=to) for to in targets]
    return _said(draw, Speaker.drawn(draw, language), worded(language), asked)


def _recombined(draw: np.random.Generator, language: str) -> str:
    """Words of the miniature in a new order, HEARD of the pairs as somewhere in it."""
    followers = _followers(language)
    short = language in committed.WITHOUT_BLANKS
    length = int(draw.integers(4, 9) if short else draw.integers(2, 7))
    units = [one_of(draw, list(followers))]
    while len(units) < length:
        known = followers[units[-1]]
        units.append(one_of(draw, known) if known and chance(draw, HEARD) else one_of(draw, list(followers)))
    return ("" if short else " ").join(units)


@cache
def _followers(language: str) -> dict[str, tuple[str, ...]]:
    """The units of a language in the miniature, and those that follow each."""
    found: dict[str, list[str]] = {}
    for units in committed.sentences()[language]:
        for unit in units:
            found.setdefault(unit, [])
        for first, second in pairwise(units):
            found[first].append(second)
    return {unit: tuple(dict.fromkeys(next_ones)) for unit, next_ones in found.items()}


def _pattern(draw: np.random.Generator) -> str:
    """An English sentence by a pattern; what is in capitals stands for any word of the miniature."""
    pattern = one_of(draw, table("words")["patterns"])
    return " ".join(_word(draw) if word.isupper() else word for word in pattern)


def _word(draw: np.random.Generator) -> str:
    return one_of(draw, list(_followers("en")))


def _answer(text: str, language: str) -> str:
    units = committed.units_of(text, language)
    return ("" if language in committed.WITHOUT_BLANKS else " ").join(units)
