"""The miniature's second part: recipes of clips, rows of corpora, and the manifests that they become."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support import CHECKOUT

from datasets_prep.miniature import events, music, notes, recipes
from datasets_prep.miniature.__main__ import main
from datasets_prep.miniature.build import CORPORA
from datasets_prep.miniature.fields import RecipeError
from datasets_prep.miniature.rows import CLIPS, NAMED, ROWS, RowError, build_rows, read_clips, read_rows
from datasets_prep.record import CorpusRecord

DATA = CHECKOUT / "datasets_prep/miniature/data"
MOST_BYTES = 6_000_000
RATE = recipes.RATE
NAMES = read_clips(ROWS / NAMED)
FILES = sorted(ROWS.glob("[!_]*.yaml"))
RECIPES: dict[str, dict[str, Any]] = {
    **{f"event {label}": {"events": [{"label": label, "for": 0.6}], "seconds": 0.6} for label in events.EVENTS},
    **{f"note {family}": {"note": {"family": family, "pitch": 60}, "seconds": 0.5} for family in notes.TIMBRES},
    **{f"quality {each}": {"note": {"family": "guitar", "pitch": 60, "qualities": [each]}} for each in notes.QUALITIES},
    **{f"genre {genre}": {"music": {"genre": genre}, "seconds": 1.0} for genre in music.GENRES},
    **{f"mood {mood}": {"music": {"mood": mood}, "seconds": 1.0} for mood in music.MOODS},
    **{f"alone {name}": {"music": {"instruments": [name]}, "seconds": 0.6} for name in music.INSTRUMENTS},
    **{f"scene {scene}": {"scene": scene, "seconds": 0.6} for scene in recipes.PLACES},
}


def made(given: dict[str, Any]) -> np.ndarray:
    return recipes.sound(recipes.complete(given, NAMES), DATA)


def energy(sound: np.ndarray, start: float, end: float) -> float:
    """In dB, of the mean square."""
    return float(10 * np.log10(np.mean(np.square(sound[round(start * RATE) : round(end * RATE)])) + 1e-12))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_sound_and_the_same_again(name: str) -> None:
    sound = made(RECIPES[name])
    assert sound.dtype == np.float32 and len(sound) == round(RECIPES[name].get("seconds", 1.0) * RATE)
    assert np.isfinite(sound).all() and 0.05 < np.abs(sound).max() <= recipes.LOUDEST + 1e-6
    assert np.array_equal(sound, made(RECIPES[name]))


def test_seeds_and_chances_differ() -> None:
    scene = {"scene": "office", "seconds": 0.5}
    assert not np.array_equal(made(scene), made(scene | {"seed": 1}))


@pytest.mark.parametrize("family", [name for name in notes.TIMBRES if notes.TIMBRES[name].decay > 0.6])
@pytest.mark.parametrize("pitch", [40, 57, 69, 84])
def test_notes_have_the_pitch_that_they_say(family: str, pitch: int) -> None:
    sound = made({"note": {"family": family, "pitch": pitch, "velocity": 127}, "seconds": 1.0})
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound)))
    hertz = np.fft.rfftfreq(8 * len(sound), 1 / RATE)
    low = hertz < 1.5 * 440 * 2 ** ((pitch - 69) / 12)  # the fundamental, below the second harmonic
    found = hertz[spectrum[: len(hertz)][low].argmax()]
    assert abs(12 * np.log2(found / 440) + 69 - pitch) < 0.2, found


def test_velocity_is_loudness_and_brightness() -> None:
    def centre(sound: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(sound)) ** 2
        return float((power * np.fft.rfftfreq(len(sound), 1 / RATE)).sum() / power.sum())

    soft, loud = (made({"note": {"family": "brass", "pitch": 60, "velocity": v}}) for v in (25, 127))
    assert np.abs(loud).max() > 4 * np.abs(soft).max() and centre(loud) > 1.2 * centre(soft)
    dark, bright = (made({"note": {"family": "brass", "pitch": 60, "qualities": [q]}}) for q in ("dark", "bright"))
    assert centre(bright) > 1.5 * centre(dark)


def test_families_and_genres_differ() -> None:
    for kind, names in (("note", notes.TIMBRES), ("genre", music.GENRES)):
        sounds = {name: made(RECIPES[f"{kind} {name}"]) for name in names}
        spectra = {name: np.abs(np.fft.rfft(sound, 8_192))[:4_000] for name, sound in sounds.items()}
        for first, second in pairwise(spectra):
            likeness = np.corrcoef(spectra[first], spectra[second])[0, 1]
            assert likeness < 0.995, (first, second)


@pytest.mark.parametrize("label", events.EVENTS)
def test_an_event_begins_where_it_is_said_to(label: str) -> None:
    sound = made({"events": [{"label": label, "at": 0.5, "for": 0.7}], "seconds": 1.6})
    assert not sound[: round(0.49 * RATE)].any() and not sound[round(1.21 * RATE) :].any()
    assert energy(sound, 0.5, 0.62) > -55


def named_events() -> list[tuple[str, list[dict[str, Any]]]]:
    return [(name, recipe["events"]) for name, recipe in NAMES.items() if len(recipe.get("events", ())) > 1]


@pytest.mark.parametrize(
    ("name", "happened"), named_events(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_several_events_are_where_they_are_said_to_be(name: str, happened: list[dict[str, Any]]) -> None:
    sound = made({"clip": name})
    ends = [0.0, *(event["at"] + event["for"] for event in happened)]
    starts = [*(event["at"] for event in happened), len(sound) / RATE]
    for event in happened:
        end = event["at"] + event["for"]
        assert min(energy(sound, event["at"], event["at"] + 0.15), energy(sound, end - 0.3, end)) > -55, event
    for end, start in zip(ends, starts, strict=True):
        assert start - end < 0.05 or energy(sound, end + 0.01, start - 0.01) < -90, (end, start)


def test_backgrounds_overlaps_sequences_and_cuts() -> None:
    rainy = made({"events": [{"label": "dog", "at": 0.5, "for": 0.3}], "seconds": 1.2, "background": "rain"})
    assert -60 < energy(rainy, 0.1, 0.4) < energy(rainy, 0.5, 0.62) - 6
    one = {"note": {"family": "organ", "pitch": 60, "velocity": 50}, "seconds": 0.4}
    both = made({"overlap": [one, one, one], "delay": [0.6, 0.1]})
    assert len(both) == round(1.1 * RATE) and energy(both, 0.41, 0.59) < -90
    assert np.allclose(both[: round(0.4 * RATE)], made(one))
    loud = {"note": {"family": "organ", "pitch": 60, "velocity": 127}}
    assert np.abs(made({"overlap": [loud, loud], "delay": 0})).max() <= 0.5
    row = made({"sequence": [one, {"silence": 0.2}, one | {"seconds": 0.1}]})
    assert len(row) == round(0.7 * RATE) and not row[round(0.4 * RATE) : round(0.6 * RATE)].any()
    name = next(iter(DATA.glob("librispeech/LibriSpeech/*/*/*/*.flac"))).relative_to(DATA).as_posix()
    whole, cut = made({"file": name}), made({"file": name, "start": 0.5, "end": 0.75})
    assert np.array_equal(cut, whole[round(0.5 * RATE) : round(0.75 * RATE)])


def test_moods_are_heard(espeak: str) -> None:
    said = {mood: made({"say": "Good morning to you.", "mood": mood}) for mood in recipes.MOODS}
    assert len(said["sad"]) > 1.2 * len(said["neutral"]) > 1.2 * 0.9 * len(said["angry"])
    assert np.abs(said["angry"]).max() > 1.5 * np.abs(said["neutral"]).max() > 1.5 * np.abs(said["sad"]).max()
    assert len({sound.tobytes() for sound in said.values()}) == len(recipes.MOODS)


def test_equal_recipes_are_one_file() -> None:
    plain = recipes.complete({"say": "Good morning."}, {})
    same = [{"say": "Good morning.", "voice": "en-us"}, {"speed": 180, "say": "Good morning."}, {"clip": "x"}]
    assert {recipes.file_name(recipes.complete(given, {"x": plain})) for given in same} == {recipes.file_name(plain)}
    assert re.fullmatch(r"en-us-good-morning-[0-9a-f]{8}\.flac", recipes.file_name(plain))
    cut = recipes.complete({"clip": "x", "start": 0.1}, {"x": plain})
    assert recipes.file_name(cut) == recipes.file_name(plain) and cut["start"] == 0.1
    assert recipes.file_name(recipes.complete({"say": "Good morning!"}, {})) != recipes.file_name(plain)
    chinese = recipes.complete({"say": "你好", "voice": "yue"}, {})
    assert re.fullmatch(r"yue-[0-9a-f]{8}\.flac", recipes.file_name(chinese))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("dog", "a clip is a recipe"),
        ({"sya": "Hello"}, "this has sya"),
        ({"say": "Hello", "scene": "office"}, "this has say, scene"),
        ({"say": "Hello", "mod": "sad"}, "no key 'mod'; did you mean 'mood'?"),
        ({"say": "Hello", "mood": "sadd"}, "did you mean 'sad'?"),
        ({"say": "Hello", "pitch": 120}, "'pitch' of a recipe of 'say' is 120, not from 0 to 99"),
        ({"say": ""}, "'say' of a recipe of 'say' is empty"),
        ({"say": True}, "is a text, not True"),
        ({"clip": "doog"}, "there is no clip 'doog'; did you mean 'dog'?"),
        ({"note": {"family": "guitar"}}, "needs 'pitch'"),
        ({"note": {"family": "gitar", "pitch": 60}}, "did you mean 'guitar'?"),
        ({"note": {"family": "guitar", "pitch": 60.5}}, "is a whole number, not 60.5"),
        ({"note": {"family": "guitar", "pitch": 60, "qualities": ["lound"]}}, "'lound', which there is not"),
        ({"music": {"genre": "opera"}}, "'opera', which there is not"),
        ({"events": [{"label": "dogs", "for": 1}]}, "did you mean 'dog'?"),
        ({"events": []}, "'events' of a recipe of 'events' is empty"),
        ({"events": [{"label": "dog", "at": 0.8, "for": 0.5}]}, "lasts until 1.3 s, beyond the clip's 1 s"),
        ({"scene": "offices"}, "did you mean 'office'?"),
        ({"silence": 1}, "silence alone is no clip"),
        ({"sequence": [{"silence": 30}]}, "is 30, not from 0.01 to 20"),
        ({"overlap": [{"clip": "dog"}, {"clip": "cat"}], "delay": [1, 2]}, "have 1 delays, not 2"),
        ({"file": "nowhere.flac"}, "there is no nowhere.flac in the data root"),
        ({"file": "clothoaqa/audio_files/birds, early morning.wav", "start": 9}, "lasts 0 s"),
    ],
)
def test_recipes_that_stand_for_nothing_are_refused(given: Any, said: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(said)):
        made(given)


TWO = "subsets: {{test: [{{id: a, audio: {{clip: dog}}, reference: dog}}, {}]}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("subsets: {test: []}", "of_nobody.yaml needs 'subsets'"),
        ("subset: {}", "has the key 'subset'"),
        ("- a", "is no mapping"),
        ("subsets: {test: [", "of_nobody.yaml, line 1"),
        ("subsets: {}\nsubsets: {}", "line 1: the key 'subsets' stands twice"),
        (TWO.format("{id: 7}"), "test: a row is a mapping with an 'id', a text in quotes"),
        (TWO.format("{id: a, audio: {clip: cat}, reference: cat}"), "test: the id a stands twice"),
        (TWO.format("{id: b, audio: {clip: catt}, reference: cat}"), "test, b: there is no clip 'catt'; did you mean"),
        (TWO.format("{id: b, reference: cat}"), "test, b: a clip is a recipe"),
        (TWO.format("{id: b, audio: [], reference: cat}"), "test, b: 'audio' is an empty list"),
        (TWO.format("{id: b, audio: {clip: cat}}"), "test, b: a row has either 'reference' or 'references'"),
        (TWO.format("{id: b, audio: {clip: cat}, reference: yes}"), "test, b: 'reference' is True; write a text"),
        (TWO.format("{id: b, audio: {clip: cat}, references: []}"), "test, b: 'references' is a list of texts"),
        (TWO.format("{id: b, audio: {clip: cat}, reference: cat, group: 7}"), "test, b: 'group' is 7; write a text"),
        (TWO.format("{id: b, audio: {clip: cat}, reference: cat, fold: on}"), "test, b: 'fold' is True; write a text"),
    ],
)
def test_rows_that_are_not_right_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "of_nobody.yaml"
    path.write_text(text)
    with pytest.raises(RowError, match=re.escape(said)) as caught:
        read_rows(path, NAMES)
    assert str(caught.value).startswith("of_nobody.yaml")


def test_labels_and_subsets_of_a_corpus_are_kept_to(tmp_path: Path) -> None:
    path = tmp_path / "cochlscene.yaml"
    path.write_text("subsets: {test: [{id: a, audio: {scene: Bus}, reference: Buss}]}")
    with pytest.raises(RowError, match="test, a: 'Buss' is no label of the corpus; did you mean 'Bus'"):
        read_rows(path, {})
    path.write_text("subsets: {tst: [{id: a, audio: {scene: Bus}, reference: Bus}]}")
    with pytest.raises(RowError, match="cochlscene has no subset 'tst'; did you mean 'test'"):
        read_rows(path, {})


def test_only_what_rows_use_is_written_and_nothing_of_another(tmp_path: Path) -> None:
    folder, root = tmp_path / "rows", tmp_path / "root"
    folder.mkdir()
    (folder / NAMED).write_text("a: {scene: office, seconds: 0.4}\nb: {clip: a, start: 0.1}\nc: {scene: Bus}\n")
    (folder / "mine.yaml").write_text(
        "corpus: own\nsubsets:\n  test:\n"
        "    - {id: z, audio: {clip: a}, reference: [{at: 1.5}]}\n"
        "    - {id: b, audio: [{clip: b}, {clip: a, start: 0.0, end: 0.2}], references: [x, é], group: g, duration: 0.4}\n"
    )
    build_rows(root, folder)
    assert [path.name for path in (root / CLIPS).iterdir()] == [recipes.file_name(read_clips(folder / NAMED)["a"])]
    first, second = (json.loads(line) for line in (root / "own/test.jsonl").open("rb"))
    path = f"../{CLIPS}/{next((root / CLIPS).iterdir()).name}"
    assert [{**clip, "sha256": ""} for clip in first["audio"]] == [
        {"path": path, "start": 0.1, "seconds": 0.3, "sha256": ""},
        {"path": path, "start": 0.0, "end": 0.2, "seconds": 0.2, "sha256": ""},
    ]
    assert list(first) == ["id", "audio", "references", "subset", "group", "duration"] and first["references"] == [
        "x",
        "é",
    ]
    assert second["reference"] == '[{"at": 1.5}]' and second["group"] == "z" and second["audio"]["seconds"] == 0.4
    record = CorpusRecord.read(root / "own/corpus.json")
    assert record is not None and record.subsets["test"].clips == 3 and record.subsets["test"].groups == 2
    assert "synthetic" in record.subsets["test"].differences[0]
    with pytest.raises(RowError, match=r"mine\.yaml: own is in .* already"):
        build_rows(root, folder)


def test_a_fault_of_the_rows_is_one_sentence(
    espeak: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(root: Path) -> None:
        raise RowError("rows/x.yaml: not right")

    monkeypatch.setattr("datasets_prep.miniature.build.build_rows", refuse)
    monkeypatch.setattr("datasets_prep.miniature.build.write_trees", lambda folder: None)
    monkeypatch.setattr("datasets_prep.miniature.build.prepare_trees", lambda folder, root: None)
    assert main([str(tmp_path / "root")]) == 2
    assert capsys.readouterr().err == "miniature: rows/x.yaml: not right\n"


def test_names_are_many_and_all_of_them_used() -> None:
    files = {path.name for path in (DATA / CLIPS).iterdir()}
    assert len(NAMES) >= 90
    assert [name for name, recipe in NAMES.items() if recipes.file_name(recipe) not in files] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_samples_are_enough_and_of_several_groups(path: Path) -> None:
    name, subsets = read_rows(path, NAMES)
    assert name == path.stem
    for subset, rows in subsets.items():
        assert len(rows) >= 3 and len({row.group for row in rows}) >= 2, subset
        if len(rows) > 3 and all("choices" in row.fields for row in rows):
            places = {row.fields["choices"].index(row.references[0]) for row in rows}
            assert len(places) >= 2, subset


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_committed_rows_are_what_the_generator_makes(espeak: str, tmp_path: Path) -> None:
    for name in CORPORA.values():
        (tmp_path / name).symlink_to(DATA / name)
    build_rows(tmp_path)
    ours = {*(path.stem for path in FILES), CLIPS}
    assert {name for name in files(tmp_path) if name.split("/")[0] in ours} == {
        name for name in files(DATA) if name.split("/")[0] in ours
    }
    for path in FILES:
        for manifest in (DATA / path.stem).glob("*.jsonl"):
            made = tmp_path / manifest.relative_to(DATA)
            assert [heard_apart(line) for line in made.open("rb")] == [
                heard_apart(line) for line in manifest.open("rb")
            ]


def heard_apart(line: bytes) -> dict[str, object]:
    """A manifest's line without what another version of espeak-ng changes."""
    sample = json.loads(line)
    clips = sample["audio"] if isinstance(sample["audio"], list) else [sample["audio"]]
    return sample | {"audio": [[clip["path"], clip.get("start"), clip.get("end")] for clip in clips]}


def test_the_miniature_stays_small() -> None:
    folders = {path.name for path in DATA.iterdir()}
    assert folders == {*CORPORA.values(), *(path.stem for path in FILES), CLIPS}
    assert sum((DATA / name).stat().st_size for name in files(DATA)) < MOST_BYTES


def test_every_clip_is_named_heard_and_not_clipped() -> None:
    lines = [
        json.loads(line) for path in FILES for made in (DATA / path.stem).glob("*.jsonl") for line in made.open("rb")
    ]
    clips = [clip for line in lines for clip in (line["audio"] if isinstance(line["audio"], list) else [line["audio"]])]
    assert {clip["path"] for clip in clips if clip["path"].startswith(f"../{CLIPS}/")} == {
        f"../{CLIPS}/{path.name}" for path in (DATA / CLIPS).iterdir()
    }
    for clip in {json.dumps(clip): clip for clip in clips}.values():
        path = DATA / CLIPS / clip["path"]
        samples, rate = soundfile.read(path)
        start, end = clip.get("start", 0.0), clip.get("end", len(samples) / rate)
        heard = samples[round(start * rate) : round(end * rate)]
        assert len(heard) / rate == pytest.approx(clip["seconds"], abs=1e-5) and 0.3 < clip["seconds"] < 5
        assert 0.04 < np.abs(heard).max() < 0.95 and np.sqrt(np.mean(heard**2)) > 0.005, path.name
        if path.suffix == ".flac":
            info = soundfile.info(path)
            assert (info.subtype, info.samplerate, info.channels) == ("PCM_16", RATE, 1)


def test_times_in_references_are_those_of_the_sounds() -> None:
    """Of words and turns: loud inside, and silent between the last one and the end."""
    found = 0
    for manifest in (*(DATA / "librispeech_words").glob("*.jsonl"), *(DATA / "ami").glob("*.jsonl")):
        for sample in map(json.loads, manifest.open("rb")):
            samples, _ = soundfile.read(manifest.parent / sample["audio"]["path"])
            for start, end in times(sample["reference"]):
                assert energy(samples, start, end) > -45 and end <= len(samples) / RATE, sample["id"]
                found += 1
            last = max(end for _, end in times(sample["reference"]))
            assert energy(samples, last + 0.01, len(samples) / RATE) < -50, sample["id"]
    assert found > 30


def times(reference: str) -> list[tuple[float, float]]:
    if reference.startswith("["):
        return [(turn["start"], turn["end"]) for turn in json.loads(reference)]
    words = re.findall(r"<\|([\d.]+)\|>(?=(\w+|<\|sil\|>)<\|([\d.]+)\|>)", reference)
    return [(float(start), float(end)) for start, word, end in words if word != "<|sil|>"]


@pytest.mark.parametrize(("corpus", "subset"), [("desed", "public_eval"), ("tut_sed_2017", "evaluation")])
def test_events_of_references_are_those_of_the_recipes(corpus: str, subset: str) -> None:
    _, subsets = read_rows(ROWS / f"{corpus}.yaml", NAMES)
    for row in subsets[subset]:
        happened = [[event["at"], event["at"] + event["for"]] for event in row.audio[0]["events"]]
        told = [[event["onset"], event["offset"]] for event in json.loads(row.references[0])]
        assert told == [] or np.allclose(told, happened), row.id


def test_phrases_are_grounded_in_events() -> None:
    _, subsets = read_rows(ROWS / "audio_grounding.yaml", NAMES)
    for row in subsets["test"]:
        happened = [(event["at"], round(event["at"] + event["for"], 3)) for event in row.audio[0]["events"]]
        assert {tuple(times) for times in json.loads(row.references[0])} <= {*happened}, row.id
