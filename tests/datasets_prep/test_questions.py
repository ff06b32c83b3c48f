"""Readers of question sets and lists of clips: what the small copies of archives do not show."""

import io

import numpy as np
import pytest
import soundfile

from datasets_prep import muchomusic, openaudiobench, tut_sed_2017
from datasets_prep.corpus import CorpusError
from datasets_prep.records import clip_of_film, event, sounds


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ('["Al", "B\'s"]', ["Al", "B's"]),
        ("['Al', \"B's\"]", ["Al", "B's"]),
        ("['Al' 'Bo'\n 'Cy']", ["Al", "Bo", "Cy"]),  # as NumPy prints it
        ("[1984, 1985]", ["1984", "1985"]),
        ("Al, or Bo", ["Al, or Bo"]),
    ],
)
def test_lists_of_answers_however_they_are_written(text: str, answers: list[str]) -> None:
    assert openaudiobench._listed(text, "line 2") == answers


@pytest.mark.parametrize("text", ["[]", "['Al", "[open(1)]", "[None]"])
def test_a_list_that_holds_no_answers_is_refused(text: str) -> None:
    with pytest.raises(CorpusError, match="line 2"):
        openaudiobench._listed(text, "line 2")


@pytest.mark.parametrize(
    ("film", "name"),
    [
        ("plain", "audio/plain.wav"),
        ("withY", "audio/YwithY.flac"),
        ("-a_30", "audio/-a_30_10.wav"),
        ("timed", "audio/Ytimed_30.000_40.000.wav"),
        ("text", None),
    ],
)
def test_clips_are_found_by_their_films(film: str, name: str | None) -> None:
    names = ["plain.wav", "YwithY.flac", "-a_30_10.wav", "Ytimed_30.000_40.000.wav", "text.csv", "text_more.wav"]
    clips = sounds([f"audio/{each}" for each in names])
    assert clip_of_film(clips, film) == name


def test_an_order_that_is_drawn_does_not_put_the_right_answer_first_throughout() -> None:
    line = {"correct_answer": "r", **{f"distractor_{n}_answer": f"w{n}" for n in (1, 2, 3)}}
    drawn = [muchomusic._choices({**line, "question_id": str(number)}, "line 2") for number in range(400)]
    places = np.bincount([choices.index("r") for choices in drawn], minlength=4)
    assert places.min() > 60 and drawn[7] == muchomusic._choices({**line, "question_id": "7"}, "line 2")


@pytest.mark.parametrize(
    ("seconds", "windows"),
    [(30.0, [(0, 30.0)]), (30.9, [(0, 30.0)]), (61.5, [(0, 30.0), (30, 60.0), (60, 61.5)]), (0.5, [])],
)
def test_windows_of_long_recordings(seconds: float, windows: list[tuple[int, float]]) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(round(seconds * 1000)), 1000, format="WAV")
    assert list(tut_sed_2017._windows(file.getvalue(), "a.wav")) == windows


def test_events_are_clipped_to_their_window() -> None:
    events = [event("car", onset, offset, ("car",), "line 1") for onset, offset in (("28", "31.5"), ("40", "90"))]
    assert tut_sed_2017._clipped(events, 30, 60.0) == [
        {"event_label": "car", "onset": 0.0, "offset": 1.5},
        {"event_label": "car", "onset": 10.0, "offset": 30.0},
    ]
    assert tut_sed_2017._clipped(events, 0, 28.0) == []
