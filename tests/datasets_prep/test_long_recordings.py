"""What the small archives do not show of corpora that are stretches of long recordings: how their tables are parsed."""

import json
from collections.abc import Collection, Iterator

import pytest

from datasets_prep import ami, crema_d, tedlium3
from datasets_prep.ami import Word
from datasets_prep.archives import Tree
from datasets_prep.corpus import CorpusError
from datasets_prep.segments import read_audios, read_rttm


class Texts(Tree):
    """Files of these contents."""

    def __init__(self, **contents: str) -> None:
        super().__init__("a folder")
        self.contents = contents
        self.names = list(contents)

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        yield from ((name, self.contents[name].encode()) for name in names)


def audios(*items: object, **more: object) -> Texts:
    return Texts(table=json.dumps({"about": '"segments": [', **more, "audios": items, "end": {}}, indent=1))


def audio(*segments: object) -> dict[str, object]:
    return {"aid": "A1", "path": "./audio/A1.opus", "title": 'x], {"audios": [', "segments": segments}


def segment(**changed: object) -> dict[str, object]:
    return {"sid": "A1_1", "begin_time": 1, "end_time": 2.5, "text": "say “]”", "subsets": ["{TEST}", "L"], **changed}


def test_a_recording_at_a_time_is_what_the_whole_table_says() -> None:
    tree = audios(
        audio(segment(), segment(sid="A1_2", subsets=["L"])), audio(), audio(segment(sid="B", subsets=["TEST"]))
    )
    found = list(read_audios(tree, "table", "TEST", "text"))
    assert [(one.id, one.audio, one.path, one.start, one.end, one.text) for one in found] == [
        ("A1_1", "A1", "audio/A1.opus", 1.0, 2.5, "say “]”"),
        ("B", "A1", "audio/A1.opus", 1.0, 2.5, "say “]”"),
    ]
    assert list(read_audios(audios(), "table", "TEST", "text")) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"end_time": 1}, "recording A1, segment A1_1: it ends at 1 s, not after its start at 1 s"),
        ({"begin_time": "soon"}, "segment A1_1: 'soon' is no time in seconds"),
        ({"begin_time": True}, "segment A1_1: True is no time"),
        ({"text": None}, "segment A1_1: 'text' is None, no text"),
        ({"subsets": "TEST"}, "segment A1_1: 'subsets' is no list"),
    ],
)
def test_a_segment_that_is_wrong_is_named(changed: dict[str, object], said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        list(read_audios(audios(audio(segment(**changed))), "table", "TEST", "text"))


@pytest.mark.parametrize("text", ['{"audios": [{"aid": 1', '{"audios": [', '{"audio": []}', "", '{"audios": [1]}'])
def test_a_table_that_breaks_off_is_refused(text: str) -> None:
    with pytest.raises(CorpusError, match=r"^table in a folder"):
        list(read_audios(Texts(table=text), "table", "TEST", "text"))


def test_rttm_of_any_width_and_other_kinds_of_line() -> None:
    lines = (
        ";; a remark\nSPKR-INFO m 1 <NA> <NA> <NA> unknown A <NA>\nSPEAKER m 1   0.50  1.25 <NA> <NA> A <NA> <NA>\r\n"
    )
    (turn,) = read_rttm(Texts(rttm=lines), "rttm")
    assert (turn.recording, turn.speaker, turn.start, turn.end) == ("m", "A", 0.5, 1.75)
    with pytest.raises(CorpusError, match="rttm in a folder, line 1: 4 columns"):
        list(read_rttm(Texts(rttm="SPEAKER m 1 0.5\n"), "rttm"))


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("it 's what they 're saying", "it's what they're saying"),
        ("<unk> well [NOISE] {SMACK} yes <unk>", "well yes"),
        ("'cause rock 'n' roll", "'cause rock'n' roll"),
        ("", ""),
    ],
)
def test_suffixes_are_joined_and_noises_go(text: str, mended: str) -> None:
    assert tedlium3._cleaned(text) == mended


def test_segments_of_a_window_in_which_two_talk_at_once() -> None:
    words = [
        Word("A", 0.0, 1.0, "Well"),
        Word("A", 1.9, 2.5, "so"),
        Word("B", 2.5, 3.0, "yes"),
        Word("A", 3.5, 4, "no"),
    ]
    assert ami._overlapped(words) == [], "words that touch do not overlap, nor do those of one speaker"
    found = ami._overlapped([*words, Word("B", 3.9, 4.5, "oh")])
    assert [(one["speaker"], one["words"], one["start"], one["end"]) for one in found] == [
        ("A", "Well so", 0.0, 2.5),
        ("B", "yes oh", 2.5, 4.5),
        ("A", "no", 3.5, 4),
    ], "a pause of a second parts"
    assert ami._timed({"start": 29.504, "end": 31.0}, 0, 30.0) == {"start": 29.5, "end": 30.0}


def test_pointers_of_git_lfs_are_no_recordings() -> None:
    clip = "CREMA-D/AudioWAV/1001_DFA_ANG_XX.wav"
    tree = Texts(**{clip: "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 72862\n"})
    with pytest.raises(CorpusError, match="only points to a recording; get those by: git lfs pull"):
        list(crema_d.rows(crema_d.CORPUS.splits[0], {"CREMA-D": tree}))
