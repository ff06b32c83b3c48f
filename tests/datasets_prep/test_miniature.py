"""The miniature: sounds by recipe, and the four corpora in their official layouts."""

import csv
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support import CHECKOUT

from datasets_prep.miniature import mixing, sounds, texts
from datasets_prep.miniature.__main__ import main
from datasets_prep.miniature.build import CORPORA, prepare_trees
from datasets_prep.miniature.scenes import RECORDINGS, SCENES, record
from datasets_prep.miniature.sources import write_trees
from datasets_prep.miniature.speech import SpeechError, speak
from datasets_prep.record import CorpusRecord
from datasets_prep.verify import verify

DATA = CHECKOUT / "datasets_prep/miniature/data"
RATE = 22_050
MOST_BYTES = 2_200_000
COVOST_PAIRS = ("en_de", "de_en", "en_zh-CN", "zh-CN_en", "es_en", "fr_en", "it_en")
LAYOUT = {
    r"LibriSpeech/(dev|test)-(clean|other)/(\d+)/(\d+)/\3-\4-\d{4}\.flac": 16,
    r"LibriSpeech/(dev|test)-(clean|other)/(\d+)/(\d+)/\3-\4\.trans\.txt": 8,
    r"CoVoST2/covost_v2\.(en_de|de_en|en_zh-CN|zh-CN_en|es_en|fr_en|it_en)\.tsv": 7,
    r"CoVoST2/cv-corpus-4-2019-12-10/(en|de|es|fr|it|zh-CN)/validated\.tsv": 6,
    r"CoVoST2/cv-corpus-4-2019-12-10/(en|de|es|fr|it|zh-CN)/clips/common_voice_\1_\d+\.mp3": 24,
    r"CochlScene/Test/([A-Za-z]+)/\1_user\d{4}_\d+_\d{3}\.wav": 15,
    r"CochlScene/Val/([A-Za-z]+)/\1_user\d{4}_\d+_\d{3}\.wav": 1,
    r"ClothoAQA/audio_files/[^/]+\.wav": 5,
    r"ClothoAQA/clotho_aqa_test\.csv": 1,
}
AUDIO = {  # folder: subtype, Hz, seconds at least and at most
    "LibriSpeech": ("PCM_16", 16_000, 1.2, 3.0),
    "CoVoST2": ("MPEG_LAYER_III", 32_000, 1.0, 3.0),
    "CochlScene": ("PCM_16", 22_050, 1.5, 1.5),
    "ClothoAQA": ("PCM_16", 22_050, 1.6, 2.1),
}


@pytest.fixture(scope="module")
def trees(espeak: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("miniature") / "trees"
    assert main(["--trees", str(folder)]) == 0
    return folder


def files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def recordings(folder: Path) -> Iterator[tuple[str, Path]]:
    return ((name, path) for name, path in files(folder).items() if path.suffix in (".flac", ".wav", ".mp3"))


def read_tsv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar="\\"))


@pytest.mark.parametrize("name", sounds.SOURCES)
@pytest.mark.parametrize("rate", [8_000, RATE])
def test_a_seed_is_a_sound(name: str, rate: int) -> None:
    first, again, other = (sounds.SOURCES[name](np.random.default_rng(seed), rate, 0.7) for seed in (1, 1, 2))
    assert first.dtype == np.float32 and first.shape == (round(0.7 * rate),)
    assert np.isfinite(first).all() and np.abs(first).max() == pytest.approx(1)
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.abs(sounds.SOURCES[name](np.random.default_rng(1), rate, 1 / rate)).max() <= 1


@pytest.mark.parametrize("hertz", [500.0, 3_000.0])
def test_pitches_are_where_they_are_said_to_be(hertz: float) -> None:
    draw = np.random.default_rng(0)
    for source in (sounds.tone, sounds.bubble, sounds.click, sounds.chirp, sounds.bell):
        spectrum = np.abs(np.fft.rfft(source(draw, RATE, 1.0, hertz=hertz)))
        assert 0.45 * hertz < spectrum.argmax() < 2.8 * hertz
    assert not sounds.tone(draw, RATE, 0.1, hertz=12_000).any(), "beyond half the rate nothing is folded down"


def test_less_than_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="less than one sample"):
        sounds.white_noise(np.random.default_rng(0), 8_000, 0.00001)


def test_the_mixer_keeps_levels_and_starts_and_cuts_the_end() -> None:
    one = np.ones(100, np.float32)
    mixed = mixing.mix(100, 2.0, [(one, 0, 0.0), (one, -20, 1.5)], peak=0.5)
    assert mixed.dtype == np.float32 and len(mixed) == 200
    assert np.allclose(mixed[:100], 0.5) and np.allclose(mixed[150:], 0.05) and not mixed[100:150].any()
    assert not mixing.mix(100, 1.0, []).any()
    assert np.allclose(mixing.fade(100, one, 0.1)[[0, 50, 99]], [0, 1, 0])
    assert np.array_equal(mixing.fade(100, one, 0.0), one)
    echo = mixing.reverb(np.random.default_rng(0), 100, np.eye(1, 200, dtype=np.float32)[0], 1.0)
    assert echo.dtype == np.float32 and len(echo) == 200 and np.abs(echo[150:]).max() < 0.1 * np.abs(echo[:50]).max()


def profile(sound: np.ndarray) -> np.ndarray:
    """Energy by band in dB, and how much it moves."""
    power, hertz = np.abs(np.fft.rfft(sound)) ** 2, np.fft.rfftfreq(len(sound), 1 / RATE)
    edges = np.geomspace(40, RATE / 2, 21)
    bands = np.array([power[(low <= hertz) & (hertz < high)].sum() for low, high in pairwise(edges)])
    frames = np.square(sound[: len(sound) // 441 * 441].reshape(-1, 441)).mean(axis=1)
    return np.append(10 * np.log10(bands / bands.sum() + 1e-5), 3 * np.std(10 * np.log10(frames + 1e-7)))


def test_scenes_are_told_apart() -> None:
    heard = [
        (label, profile(record(np.random.default_rng([number, seed]), RATE, 1.5, recipe)))
        for number, (label, recipe) in enumerate(SCENES.items())
        for seed in range(2)
    ]
    for place, (label, mine) in enumerate(heard):
        others = [(np.linalg.norm(mine - other), name) for at, (name, other) in enumerate(heard) if at != place]
        assert min(others)[1] == label


def test_tables_name_what_there_is() -> None:
    assert len(SCENES) == 13 and texts.CLOTHO.keys() == RECORDINGS.keys()
    assert {label for part, label, *_ in texts.CLIPS if part == "Test"} == SCENES.keys()
    assert len({user for _, _, user, *_ in texts.CLIPS}) >= 5 and len(set(texts.CLIPS)) == len(texts.CLIPS)
    for reader in (reader for readers in texts.LIBRISPEECH.values() for reader in readers):
        assert all(re.fullmatch(r"[A-Za-z']+( [A-Za-z']+){2,6}", sentence) for sentence in reader.sentences)


def test_the_layout_is_the_official_one_and_nothing_more(trees: Path) -> None:
    found = dict.fromkeys(LAYOUT, 0)
    for name in files(trees):
        fitting = [pattern for pattern in LAYOUT if re.fullmatch(pattern, name)]
        assert len(fitting) == 1, name
        found[fitting[0]] += 1
    assert found == LAYOUT
    assert sum(path.stat().st_size for _, path in recordings(trees)) < MOST_BYTES


def test_recordings_are_heard_and_do_not_clip(trees: Path) -> None:
    for name, path in recordings(trees):
        subtype, rate, shortest, longest = AUDIO[name.split("/")[0]]
        heard = soundfile.info(path)
        assert (heard.subtype, heard.samplerate, heard.channels) == (subtype, rate, 1), name
        samples = soundfile.read(path)[0]
        assert shortest <= len(samples) / rate <= longest, name
        assert np.abs(samples).max() < 0.95 and np.sqrt(np.mean(samples**2)) > 0.02, name


def test_transcripts_are_upper_case_and_name_the_files(trees: Path) -> None:
    speakers: dict[str, set[str]] = {}
    for path in trees.glob("LibriSpeech/*/*/*/*.trans.txt"):
        lines = path.read_text("utf-8").splitlines()
        assert [line.split(" ")[0] for line in lines] == sorted(flac.stem for flac in path.parent.glob("*.flac"))
        assert all(re.fullmatch(r"\d+-\d+-\d{4}( [A-Z']+)+", line) for line in lines)
        speakers.setdefault(path.parts[-4], set()).add(path.parts[-3])
    assert {split: len(names) for split, names in speakers.items()} == dict.fromkeys(texts.LIBRISPEECH, 2)


def test_translations_belong_to_validated_clips(trees: Path) -> None:
    for pair in COVOST_PAIRS:
        source, target = pair.split("_")
        voice = trees / "CoVoST2" / "cv-corpus-4-2019-12-10" / source
        rows = read_tsv(trees / "CoVoST2" / f"covost_v2.{pair}.tsv")
        validated = {row["path"]: row for row in read_tsv(voice / "validated.tsv")}
        assert [*rows[0]] == ["path", "translation", "split"] and {row["split"] for row in rows} == {"test"}
        assert {row["path"] for row in rows} == {path.name for path in (voice / "clips").iterdir()} == {*validated}
        expected = {sentence[source]: sentence[target] for sentence in texts.COVOST[source]}
        assert {validated[row["path"]]["sentence"]: row["translation"] for row in rows} == expected
        clients = {row["client_id"] for row in validated.values()}
        assert len(clients) == 2 and all(re.fullmatch("[0-9a-f]{128}", client) for client in clients)
    header = (voice / "validated.tsv").read_text("utf-8").split("\n")[0]
    assert header.split("\t") == ["client_id", "path", "sentence", "up_votes", "down_votes", "age", "gender", "accent"]


def test_each_question_has_three_rows_in_latin_1(trees: Path) -> None:
    with (trees / "ClothoAQA" / "clotho_aqa_test.csv").open(encoding="latin-1", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["file_name", "QuestionText", "answer", "confidence"] and len(rows) == 5 * 3 * 3
    kinds: dict[str, list[bool]] = {}
    for first in range(0, len(rows), 3):
        three = rows[first : first + 3]
        assert len({(row["file_name"], row["QuestionText"]) for row in three}) == 1
        yes_no = [row["answer"].lower() in ("yes", "no") for row in three]
        assert all(yes_no) or not any(yes_no)
        assert all(" " not in row["answer"] and row["confidence"] in ("yes", "maybe", "no") for row in three)
        kinds.setdefault(three[0]["file_name"], []).append(yes_no[0])
    assert kinds.keys() == {path.name for path in (trees / "ClothoAQA" / "audio_files").iterdir()}
    assert all(sorted(kind) == [False, True, True] for kind in kinds.values())
    assert any("é" in row["QuestionText"] for row in rows) and {"yes", "YES"} <= {row["answer"] for row in rows}


def test_the_same_bytes_again(trees: Path, tmp_path: Path) -> None:
    write_trees(tmp_path)
    assert {name: path.read_bytes() for name, path in files(tmp_path).items()} == {
        name: path.read_bytes() for name, path in files(trees).items()
    }


def test_speech_has_the_wanted_rate_and_voice(espeak: str) -> None:
    low, high = (speak("Good morning.", "en-gb", rate) for rate in (8_000, 16_000))
    assert low.dtype == np.float32 and abs(2 * len(low) - len(high)) <= 2
    assert np.abs(high).max() == pytest.approx(0.7) and not np.array_equal(high, speak("Good morning.", "de", 16_000))
    with pytest.raises(SpeechError, match="could not say 'Hello' as klingonish"):
        speak("Hello", "klingonish", 16_000)
    with pytest.raises(SpeechError, match="''"):
        speak("", "en-gb", 16_000)
    assert len(speak("--help", "en-gb", 16_000)), "a text is never an option"


def test_without_espeak_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--trees", str(tmp_path / "trees")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("miniature: espeak-ng is not installed") and said.count("\n") == 1
    assert not (tmp_path / "trees").exists()


def test_nobodys_files_are_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").touch()
    assert main(["--trees", str(tmp_path)]) == 2
    assert "is there already and is not empty" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])
    assert "give ROOT, or --trees FOLDER" in capsys.readouterr().err


def test_the_committed_data_root_is_what_the_generator_makes(trees: Path, tmp_path: Path) -> None:
    prepare_trees(trees, tmp_path)
    assert {*files(tmp_path)} == {name for name in files(DATA) if name.split("/")[0] in CORPORA.values()}
    for made in tmp_path.glob("*/*.jsonl"):
        manifest = DATA / made.relative_to(tmp_path)
        assert [heard_apart(line) for line in made.open("rb")] == [heard_apart(line) for line in manifest.open("rb")]


def heard_apart(line: bytes) -> dict[str, object]:
    """A manifest's line without what another version of espeak-ng changes."""
    sample = json.loads(line)
    return sample | {"audio": sample["audio"]["path"]}


def test_the_committed_data_root_is_whole() -> None:
    for path in DATA.glob("*/corpus.json"):
        corpus = CorpusRecord.read(path)
        assert corpus is not None and corpus.subsets
        for name, subset in corpus.subsets.items():
            assert subset.standing == "unofficial" and subset.defects.keys() <= {"empty reference"}
            assert verify(path.parent, name, corpus) == []
