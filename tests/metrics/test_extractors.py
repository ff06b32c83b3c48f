"""Extractors: what is read from an answer, and what is not."""

from typing import Any

import pytest

from metrics.base import MetricError
from metrics.extractors import EXTRACTORS, get_extractor

LABELS = ["car", "car horn", "dog", "Throat clearing", "speech", "狗叫"]
OPTIONS = ["a cat meowing", "a dog barking", "C major", "silence"]
ANIMALS = {"A": "cat", "B": "dog", "C": "bird"}


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ("Car.", "car"),
        ('"car horn"', "car horn"),
        ("I hear a car horn", "car horn"),
        ("It is throat  CLEARING!", "Throat clearing"),
        ("<|en|>dog<|endoftext|>", "dog"),
        ("**Dog**", "dog"),
        ("the dog's bark, a dog", "dog"),
        ("这是狗叫声", "狗叫"),
        ("a car horn and a car", None),
        ("dog and speech", None),
        ("carpet", None),
        ("dogs", None),
        ("non-speech", None),
        ("a car-free day", None),
        ("not a dog", None),
        ("There is no dog.", None),
        ("I cannot tell", None),
        ("", None),
    ],
)
def test_label(raw: str, label: str | None) -> None:
    assert get_extractor("label").extract(raw, {}, ["dog"], LABELS) == label


SCENES = ["Bus", "Cafe", "Car", "CrowdedIndoor", "Elevator", "Kitchen", "Park", "ResidentialArea", "Restaurant"]
SCENES += ["Restroom", "Street", "Subway", "SubwayStation"]


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ("CrowdedIndoor", "CrowdedIndoor"),
        ("crowdedindoor", "CrowdedIndoor"),
        ("crowded indoor", "CrowdedIndoor"),
        ("This is a Residential area.", "ResidentialArea"),
        ("subway station", "SubwayStation"),
        ("A subway-station.", "SubwayStation"),
        ("the Subway Station's hall", "SubwayStation"),
        ("subway_station", "SubwayStation"),
        ("subway", "Subway"),
        ("in the Subway.", "Subway"),
        ("a subway near a station", "Subway"),
        ("a subway station, or the subway", None),
        ("not a subway station", None),
        ("subway stations", None),
        ("a bus or a car", None),
    ],
)
def test_label_in_camel_case(raw: str, label: str | None) -> None:
    assert get_extractor("label").extract(raw, {}, ["Bus"], SCENES) == label


@pytest.mark.parametrize(
    ("raw", "references", "answer"),
    [
        ("Yes, there is.", ["yes", "YES", "no"], "yes"),
        ("No.", ["yes", "no", "no"], "no"),
        ("yes", ["yes ", "maybe", "Yes."], "yes"),
        ("It is windy", ["yes", "no", "no"], None),
        ("two", ["two", "2", "twice"], "two"),
        ("Yes, two", ["two", "yes", "2"], "Yes, two"),
        ("There is no dog", ["cat"], "There is no dog"),
    ],
)
def test_short_answer(raw: str, references: list[str], answer: str | None) -> None:
    assert get_extractor("short_answer").extract(raw, {}, references, None) == answer


@pytest.mark.parametrize(
    ("raw", "inside"),
    [
        ('The person says: "Hello there."', "Hello there."),
        ('The speaker said in English: "He said "hi" to me".', 'He said "hi" to me'),
        ("The audio says 'I don't know'.", "I don't know"),
        ('The German translation is: "Hallo."', "Hallo."),
        ("Transcript: “a b”", "a b"),
        ('Sure, here is the transcript: "a b"', "a b"),
        ('The person says: "cut he', "cut he"),
        ('The person says: ""', ""),
    ],
)
def test_reported(raw: str, inside: str) -> None:
    assert get_extractor("reported").extract(raw, {}, ["x"], None) == inside


@pytest.mark.parametrize(
    "raw",
    [
        '"Yes," he said.',
        'The captain said: "Go."',
        'and then he said: "Go."',
        'The person says: "Hello" to him.',
        'The old person said, "I know."',
        "THE PERSON SAYS HELLO",
        "the transcript was read",
        "The person says: hello",
        "",
    ],
)
def test_reported_leaves_a_transcript_alone(raw: str) -> None:
    assert get_extractor("reported").extract(raw, {}, ["x"], None) == raw


def test_label_needs_labels() -> None:
    with pytest.raises(MetricError, match="label set"):
        get_extractor("label").extract("dog", {}, ["dog"], None)


def test_marks_belong_to_their_letter() -> None:
    assert get_extractor("label").extract("हाँ", {}, ["x"], ["हा", "ना"]) is None


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        ("Yes", "yes"),
        ("no.", "no"),
        ("**Yes**", "yes"),
        ("Yes, there is no dog", "yes"),
        ("Yes, no dog barks", "yes"),
        ("No - there is none", "no"),
        ("The answer is no.", "no"),
        ('Answer: "Yes"', "yes"),
        ("Yes; the answer is yes", "yes"),
        ("yes or no", None),
        ("yes and no", None),
        ("yes/no", None),
        ("Yes or no? I cannot say", None),
        ("the answer is yes or no", None),
        ("Yes. No.", None),
        ("No. The answer is yes.", None),
        ("I have no idea", None),
        ("No idea.", None),
        ("There is no dog.", None),
        ("Not sure", None),
        ("Yesterday", None),
        ("no-one", None),
        ("", None),
    ],
)
def test_yes_no(raw: str, verdict: str | None) -> None:
    assert get_extractor("yes_no").extract(raw, {}, ["yes"], None) == verdict


@pytest.mark.parametrize(
    ("choices", "raw", "letter"),
    [
        *[
            (OPTIONS, raw, "B")
            for raw in [
                "B", "b", "(B)", "B.", "B) a dog barking", "Answer: B", "The answer is (B).", "option B",
                "**Answer:** B",
                "The correct option is B.", "A dog barking", "It sounds like a dog barking.", "B - a dog barking",
                "The answer is B because it barks", "B, a dog barking", "B\na dog barking", "<|en|>B",
            ]
        ],
        (OPTIONS, "The answer is C major.", "C"),
        (OPTIONS, "A", "A"),
        (OPTIONS, "(d) Silence", "D"),
        *[
            (OPTIONS, raw, None)
            for raw in [
                "A dog is barking", "B) a cat meowing", "a dog barking or silence", "A or B", "(A) and (B)", "A, B",
                "B/C",
                "not (B)", "It isn't option B.", "Option A is wrong", "Answer: A dog", "I do not know", "", "E",
            ]
        ],
        (ANIMALS, "A dog is barking", "B"),
        (ANIMALS, "There is a dog.", "B"),
        (ANIMALS, "There is no dog", None),
        (ANIMALS, "birds", None),
        (["yes", "no"], "A. Yes", "A"),
        (["yes", "no"], "B. Yes", None),
        (["yes", "no"], "There is no dog", None),
        (["yes", "no"], "I have no idea", None),
        (["yes", "no"], "No, there is none.", "B"),
    ],
)  # fmt: skip
def test_choice(choices: Any, raw: str, letter: str | None) -> None:
    texts = choices if isinstance(choices, dict) else dict(zip("ABCD", choices, strict=False))
    by_letter = get_extractor("choice").extract(raw, {"choices": choices}, ["B"], None)
    by_text = get_extractor("choice").extract(raw, {"choices": choices}, [texts["B"]], None)
    assert by_letter == letter
    assert by_text == (None if letter is None else texts[letter])


def test_choice_needs_choices() -> None:
    with pytest.raises(MetricError, match="field 'choices'"):
        get_extractor("choice").extract("B", {"question": "?"}, ["B"], None)


@pytest.mark.parametrize(
    ("raw", "inside"),
    [
        ('The person says: "Hello there."', "Hello there."),
        ("The person says: “Hello there.”.", "Hello there."),
        ("La personne dit : « Bonjour »", "Bonjour"),
        ("「你好」と言いました", "你好"),
        ("„Guten Tag“, sagt er", "Guten Tag"),
        ("The speaker says: 'I don't know'.", "I don't know"),
        ("The speaker says: ‘I don’t know’", "I don’t know"),
        ("The speaker said: 'He said \"hi\" to me'", 'He said "hi" to me'),
        ('"he said "hi" to me".', 'he said "hi" to me'),
        ('"Hello" is what is said.', "Hello"),
        ('The person says: "Hello the', "Hello the"),
        ('The person says: "he said "hi" and le', 'he said "hi" and le'),
        ("The person says: 'I don't kn", "I don't kn"),
        ('""', ""),
        ("plain don't text ", "plain don't text "),
        ("rock 'n' roll", "rock 'n' roll"),
        ("the dogs' tails", "the dogs' tails"),
        ("'tis the season", "'tis the season"),
        ('the sign is 5" tall', 'the sign is 5" tall'),
        ("看《红楼梦》", "看《红楼梦》"),
    ],
)
def test_quoted(raw: str, inside: str) -> None:
    assert get_extractor("quoted").extract(raw, {}, ["x"], None) == inside


@pytest.mark.parametrize("name", sorted(EXTRACTORS))
@pytest.mark.parametrize(
    "raw",
    [
        *["", "\0", "😀", "שלום", '"' * 50_000, "a or " * 20_000, "(b) " * 25_000, "x" * 100_000],
        *["a" + " " * 100_000 + "b", "car" + "_" * 100_000, "_" * 100_000, "dog" + "!" * 100_000, "_." * 50_000],
        *[
            "not a " * 20_000 + "dog",
            "a-" * 50_000,
            "1." * 50_000,
            "_\n" * 50_000,
            "a" + "\n_" * 50_000,
            "answer " * 15_000,
        ],
    ],
)
def test_nothing_a_model_may_say_stops_it(name: str, raw: str) -> None:
    get_extractor(name).extract(raw, {"choices": OPTIONS}, ["B"], LABELS)


def test_exact_changes_nothing_and_unknown_names_give_the_nearest() -> None:
    assert get_extractor("exact").extract(" A\0 ", {}, [], None) == " A\0 "
    with pytest.raises(MetricError, match=r"no extractor named 'lable'; did you mean 'label'\?"):
        get_extractor("lable")


DRUMS = ["Bass drum", "Snare drum", "Hi-hat", "Cymbal"]
DOGS = ["A dog is barking", "A cat meows", "Rain", "None of the above"]
KEYS = ["A major", "B minor", "C major", "D minor"]
COUNTS = ["1", "2", "3", "4"]
MOODS = ["happy", "sad", "angry", "neutral"]
ROMAN = ["I", "II", "III", "IV"]


@pytest.mark.parametrize(
    ("options", "raw", "letter"),
    [
        *[(DRUMS, raw, "A") for raw in [
            "Bass drum", "bass drum.", "A bass drum", "It is a bass drum", "A Bass drum", "A: Bass drum", "[A] Bass drum",
            "A - Bass drum", "**A) Bass drum**", "The answer is a bass drum", "bass-drum", "A,", "A\n\nExplanation: it thumps",
            "A\nBecause it thumps", "A because it is low", "A<|endoftext|>", "Ａ", "（Ａ）", "答案是A", "答案：A。", "选A",
        ]],
        *[(DRUMS, raw, "B") for raw in [
            "A snare drum", "`B`", "$B$", "\\boxed{B}", "<answer>B</answer>", "Answer - B", "ANSWER: b", "B Snare drum",
            "The correct answer is: (B) Snare drum", "I would choose B.", "B is the correct answer",
        ]],
        *[(DRUMS, raw, None) for raw in [
            "drum", "Bass", "A dog is barking", "A: Cymbal", "A/B", "A & B", "Both A and B", "Neither", "E", "(E)", "Not A",
            "A is wrong, it is B.", "A. Bass drum B. Snare drum", "Definitely not a bass drum but a cymbal",
            "A\n\nExplanation: not a snare drum", "The bass drum is wrong", "bass drum: no", "I cannot hear a bass drum",
        ]],
        (DOGS, "A dog is barking", "A"), (DOGS, "A dog barks", None), (DOGS, "A. A cat meows", None), (DOGS, "a", "A"),
        (DOGS, "A person is speaking", None), (DOGS, "A baby cries, a dog is barking", "A"), (DOGS, "None", None),
        (DOGS, "None of the above is right", "D"), (DOGS, "It is raining", None),
        (OPTIONS, "A dog is barking", None), (OPTIONS, "A dog barking", "B"), (OPTIONS, "C minor", None),
        (OPTIONS, "C# major", None), (OPTIONS, "The answer is A minor", None),
        (KEYS, "A minor", None), (KEYS, "A. C major", None), (KEYS, "(A) A major", "A"), (KEYS, "The answer is D minor.", "D"),
        (KEYS, "B flat major", None), (KEYS, "C major, not A major", None),
        (COUNTS, "2", "B"), (COUNTS, "B. 2", "B"), (COUNTS, "A. 2", None), (COUNTS, "There are 2 speakers", "B"),
        *[(COUNTS, raw, None) for raw in ["2.5", "12", "3 or 4", "3:4", "1,000", "2%", "-2", "2nd", "two", "1/2"]],
        (list("abcd"), "a sound", None), (list("abcd"), "The answer is c", "C"), (list("abcd"), "a", "A"),
        (MOODS, "She is sad, not happy", None), (MOODS, "unhappy", None), (MOODS, "The speaker isn't happy", None),
        (MOODS, "The speaker doesn't sound very happy", None), (MOODS, "I am sad", "B"), (MOODS, "a happy voice", "A"),
        (ROMAN, "I don't know", None), (ROMAN, "I", "A"), (ROMAN, "I think it is II", "B"), (ROMAN, "The answer is III", "C"),
        (["dog", "cat", "Both A and B", "None"], "C. Both A and B", "C"), (["dog", "cat", "Both A and B", "None"], "A and B", None),
        (["Paris", "A", "B", "London"], "B", None),
    ],
)  # fmt: skip
def test_choice_is_never_guessed(options: list[str], raw: str, letter: str | None) -> None:
    choices = dict(zip("ABCD", options, strict=True))
    assert get_extractor("choice").extract(raw, {"choices": choices}, ["B"], None) == letter


INSTRUMENTS = ["Bass drum", "Bass", "Drum", "Snare drum", "Bass guitar", "Guitar"]
ODD = ["car", "car horn", "dog", "no sound", "other", "street_traffic", "café", "0", "1", "A", "C", "C#", "狗叫", "狗"]


@pytest.mark.parametrize(
    ("labels", "raw", "label"),
    [
        (INSTRUMENTS, "a bass drum", "Bass drum"), (INSTRUMENTS, "bass-drum", "Bass drum"), (INSTRUMENTS, "drums", None),
        (INSTRUMENTS, "bass and drum", None), (INSTRUMENTS, "snare drum, not bass drum", None),
        (INSTRUMENTS, "drum (snare drum)", None), (INSTRUMENTS, "electric guitar", "Guitar"),
        (INSTRUMENTS, "bass_guitar's tone", "Bass guitar"),
        *[(ODD, raw, "dog") for raw in ["ＤＯＧ", "dog\0", "dog, dog", "no, a dog", "I am not sure, but it is a dog", "A dog"]],
        *[(ODD, raw, None) for raw in [
            "can't be a dog", "cannot be dog", "doesn't sound like a dog", "This is hardly a dog", "not only dog", "no dog",
            "rather than a dog", "I do not hear any dog", "hot-dog", "The dog is not there", "dog: no", "anything except a dog",
            "other than a dog", "不是狗叫", "没有狗叫", "0.5", "10", "1.0", "-1", "<|dog|>",
        ]],
        (ODD, "There is no sound", "no sound"), (ODD, "street traffic", "street_traffic"), (ODD, "Street-traffic", "street_traffic"),
        (ODD, "cafe\u0301", "café"), (ODD, "Label 1", "1"), (ODD, "a", "A"), (ODD, "c#", "C#"), (ODD, "狗叫。", "狗叫"),
    ],
)  # fmt: skip
def test_label_is_never_guessed(labels: list[str], raw: str, label: str | None) -> None:
    assert get_extractor("label").extract(raw, {}, ["x"], labels) == label


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("a dog and some rain", '["dog", "rain"]'),
        ("Rain, then a Dog; rain again.", '["rain", "dog"]'),
        ("There is no dog, but a cat", '["cat"]'),
        ("nothing of it", None),
        ("", None),
        ('["rain"]', '["rain"]'),
        (' {"rain": 0.2, "dog": 1} ', ' {"rain": 0.2, "dog": 1} '),
        ('["rain", 5]', '["rain"]'),
    ],
)
def test_several_labels(raw: str, found: str | None) -> None:
    assert get_extractor("labels").extract(raw, {}, ["dog"], ["dog", "rain", "cat"]) == found
    with pytest.raises(MetricError, match="needs the label set"):
        get_extractor("labels").extract(raw, {}, ["dog"], None)
