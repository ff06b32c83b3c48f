"""Manifests: what is read, and one sentence for each thing that can be wrong with one."""

from pathlib import Path

import pytest

from datasets_prep.manifest import Clip, ManifestError, read_manifest


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return path


def test_reads_every_form_of_a_sample(tmp_path: Path) -> None:
    path = write(
        tmp_path / "m.jsonl",
        '{"id": "a", "audio": "x.wav", "reference": "one"}',
        "",
        '{"id": 7, "audio": ["x.wav", "y.wav"], "references": ["two", ""], "subset": "s", "group": 3, "speaker": "p"}',
        '{"id": "c", "audio": [{"path": "x.wav", "start": 1, "end": 2.5}, "y.wav"], "reference": "", "n": [1]}',
    )
    a, b, c = read_manifest(path).samples
    assert (a.audio, a.references, a.subset, a.group, a.fields) == ((Clip("x.wav"),), ("one",), None, None, {})
    assert (b.id, b.references, b.subset, b.group, b.fields) == ("7", ("two", ""), "s", "3", {"speaker": "p"})
    assert b.audio == (Clip("x.wav"), Clip("y.wav"))
    assert c.audio == (Clip("x.wav", 1.0, 2.5), Clip("y.wav")) and c.references == ("",) and c.fields == {"n": [1]}


def test_unicode_line_separators_and_a_byte_order_mark_are_text(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes("\ufeff".encode() + '{"id": "a", "audio": "x", "reference": "one\u2028two"}\r\n'.encode())
    assert read_manifest(path).samples[0].references == ("one\u2028two",)


GOOD = '{"id": "a", "audio": "x.wav", "reference": "one"}'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{oops", "line 2: not JSON"),
        ("[1]", "line 2: a sample is an object"),
        (GOOD, "line 2: the id 'a' stands already in line 1"),
        ('{"audio": "x.wav", "reference": "one"}', "line 2: 'id' must be a text"),
        ('{"id": "", "audio": "x.wav", "reference": "one"}', "line 2: 'id' must be a text"),
        ('{"id": true, "audio": "x.wav", "reference": "one"}', "line 2: 'id' must be a text"),
        ('{"id": "b", "audio": "x.wav"}', "line 2: no 'reference'"),
        ('{"id": "b", "audio": "x.wav", "referense": "one"}', "it has 'referense'"),
        ('{"id": "b", "audio": "x.wav", "reference": null}', "'reference' must be a text"),
        ('{"id": "b", "audio": "x.wav", "references": []}', "'references' must be a list of one or more texts"),
        ('{"id": "b", "audio": "x.wav", "reference": "o", "references": ["o"]}', "keep one"),
        ('{"id": "b", "reference": "one"}', "'audio' must be a path"),
        ('{"id": "b", "audio": [], "reference": "one"}', "'audio' is an empty list"),
        ('{"id": "b", "audio": {"path": "x", "begin": 1}, "reference": "one"}', "not 'begin'"),
        ('{"id": "b", "audio": {"path": "x", "start": "1"}, "reference": "one"}', "'start' must be seconds"),
        ('{"id": "b", "audio": {"path": "x", "start": -1}, "reference": "one"}', "'start' must be seconds"),
        ('{"id": "b", "audio": {"path": "x", "start": 2, "end": 2}, "reference": "one"}', "ends at 2 s"),
        ('{"id": "b", "audio": "x", "reference": "one", "group": 1.5}', "'group' must be a text"),
        ('{"id": "b", "audio": "x", "reference": "one", "n": NaN}', "NaN is not JSON"),
        ('{"id": "b", "audio": "x", "reference": "\\ud800"}', "not UTF-8"),
        ("[" * 100_000, "nested too deeply"),
        ('{"id": "b", "audio": "x", "reference": "one", "n": ' + "[" * 200 + "]" * 200 + "}", "nested too deeply"),
        ('{"id": "b", "audio": "x", "reference": "one", "n": 1e999}', "a number beyond all bounds"),
        ('{"id": "b", "audio": "x", "reference": "one", "n": ' + "9" * 5_000 + "}", "thousands of digits"),
        ('{"id": "b", "audio": {"path": "x", "start": 1e307}, "reference": "one"}', "'start' must be seconds"),
        ('{"id": "b", "audio": {"path": "x", "end": ' + "9" * 400 + '}, "reference": "one"}', "'end' must be seconds"),
    ],
)
def test_one_sentence_for_a_bad_line(tmp_path: Path, line: str, said: str) -> None:
    path = write(tmp_path / "m.jsonl", GOOD, line)
    with pytest.raises(ManifestError) as error:
        read_manifest(path)
    assert said in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


def test_no_file_and_no_sample(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no manifest at"):
        read_manifest(tmp_path / "none.jsonl")
    with pytest.raises(ManifestError, match="no manifest at"):
        read_manifest(tmp_path)
    with pytest.raises(ManifestError, match="holds no sample"):
        read_manifest(write(tmp_path / "m.jsonl", "", ""))
