"""The four corpora as their unpacked official folders, in small."""

import csv
import hashlib
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile

from datasets_prep.miniature import texts
from datasets_prep.miniature.mixing import Sound, mix, reverb
from datasets_prep.miniature.scenes import RECORDINGS, SCENES, record
from datasets_prep.miniature.sounds import pink_noise
from datasets_prep.miniature.speech import find_program, speak

LIBRISPEECH_RATE = 16_000
COMMON_VOICE_RATE = 32_000
SCENE_RATE = 22_050
SCENE_SECONDS = 1.5
QUESTION_SECONDS = 1.7
NOISE_DECIBELS = -38.0
"""Peak of the noise behind the speech of the 'other' parts, by the speech's."""
FIRST_CLIP = 10_001
COMMON_VOICE = "cv-corpus-4-2019-12-10"
COMMON_VOICE_COLUMNS = ("client_id", "path", "sentence", "up_votes", "down_votes", "age", "gender", "accent")
CLOTHO_COLUMNS = ("file_name", "QuestionText", "answer", "confidence")


def write_trees(folder: Path) -> None:
    """Write ``LibriSpeech``, ``CoVoST2``, ``CochlScene`` and ``ClothoAQA`` into a folder.

    The same version of espeak-ng gives the same bytes. Raises SpeechError: no espeak-ng.
    """
    find_program()  # before anything is written
    write_librispeech(folder / "LibriSpeech")
    write_covost(folder / "CoVoST2")
    write_cochlscene(folder / "CochlScene")
    write_clotho(folder / "ClothoAQA")


def write_librispeech(folder: Path) -> None:
    """``<split>/<speaker>/<chapter>/``: FLAC, 16 kHz, and the transcripts; 'other' is heard from a noisy room."""
    for split, readers in texts.LIBRISPEECH.items():
        for reader in readers:
            name = f"{reader.speaker}-{reader.chapter}"
            chapter = folder / split / str(reader.speaker) / str(reader.chapter)
            chapter.mkdir(parents=True)
            lines = []
            for number, sentence in enumerate(reader.sentences):
                utterance = f"{name}-{number:04d}"
                spoken = speak(sentence, reader.voice, LIBRISPEECH_RATE, pitch=reader.pitch)
                heard = _from_a_room(spoken, utterance) if split.endswith("other") else spoken
                _write(chapter / f"{utterance}.flac", heard, LIBRISPEECH_RATE)
                lines.append(f"{utterance} {sentence.upper()}\n")
            (chapter / f"{name}.trans.txt").write_text("".join(lines), "utf-8")


def write_covost(folder: Path) -> None:
    """``covost_v2.<source>_<target>.tsv``, and the Common Voice 4 that they speak of; each sentence in ``test``."""
    for locale, sentences in texts.COVOST.items():
        _write_locale(folder / COMMON_VOICE / locale, locale, [sentence[locale] for sentence in sentences])
    for source, target in texts.PAIRS:
        rows = [(_clip(source, place), row[target], "test") for place, row in enumerate(texts.COVOST[source])]
        _write_tsv(folder / f"covost_v2.{source}_{target}.tsv", ("path", "translation", "split"), rows)


def write_cochlscene(folder: Path) -> None:
    """``<part>/<label>/<label>_user<NNNN>_<session>_<NNN>.wav``, 22.05 kHz."""
    for part, label, user, session, number in texts.CLIPS:
        name = f"{label}_user{user:04d}_{session}_{number:03d}.wav"
        path = folder / part / label / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, record(_draw(name), SCENE_RATE, SCENE_SECONDS, SCENES[label]), SCENE_RATE)


def write_clotho(folder: Path) -> None:
    """``audio_files/`` at 22.05 kHz, and ``clotho_aqa_test.csv`` in latin-1: a question in three rows."""
    (folder / "audio_files").mkdir(parents=True)
    for name, recipe in RECORDINGS.items():
        _write(folder / "audio_files" / name, record(_draw(name), SCENE_RATE, QUESTION_SECONDS, recipe), SCENE_RATE)
    with (folder / "clotho_aqa_test.csv").open("w", encoding="latin-1", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CLOTHO_COLUMNS)
        for name, questions in texts.CLOTHO.items():
            for question in questions:
                for answer, confidence in zip(question.answers, question.confidence, strict=True):
                    writer.writerow((name, question.text, answer, confidence))


def _write_locale(folder: Path, locale: str, sentences: Sequence[str]) -> None:
    """``validated.tsv`` and ``clips/`` of one language of Common Voice: MP3, 32 kHz."""
    (folder / "clips").mkdir(parents=True)
    rows = []
    for place, sentence in enumerate(sentences):
        second = place >= len(sentences) / 2
        spoken = speak(sentence, texts.VOICES[locale][second], COMMON_VOICE_RATE)
        options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "VARIABLE", "compression_level": 0.9}
        soundfile.write(folder / "clips" / _clip(locale, place), spoken, COMMON_VOICE_RATE, **options)
        client = hashlib.sha512(f"{locale} client {int(second)}".encode()).hexdigest()
        gender = "female" if second else "male"
        rows.append((client, _clip(locale, place), sentence, "2", "0", "twenties", gender, ""))
    _write_tsv(folder / "validated.tsv", COMMON_VOICE_COLUMNS, rows)


def _clip(locale: str, place: int) -> str:
    return f"common_voice_{locale}_{FIRST_CLIP + place}.mp3"


def _from_a_room(spoken: Sound, name: str) -> Sound:
    draw, seconds = _draw(name), len(spoken) / LIBRISPEECH_RATE
    echoing = reverb(draw, LIBRISPEECH_RATE, spoken, seconds=0.3, wet=0.4)
    noise = pink_noise(draw, LIBRISPEECH_RATE, seconds)
    return mix(LIBRISPEECH_RATE, seconds, [(echoing, 0, 0), (noise, NOISE_DECIBELS, 0)], peak=0.7)


def _draw(name: str) -> np.random.Generator:
    """A clip's own chances, which no other clip moves."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def _write(path: Path, sound: Sound, rate: int) -> None:
    """WAV or FLAC of 16 bits, the latter as small as it gets."""
    options = {"compression_level": 1.0} if path.suffix == ".flac" else {}
    soundfile.write(path, np.round(sound * 32_767).astype(np.int16), rate, subtype="PCM_16", **options)


def _write_tsv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Tabs, no quoting, a backslash before what would be read as something else."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(
            file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, escapechar="\\", lineterminator="\n"
        )
        writer.writerow(columns)
        writer.writerows(rows)
