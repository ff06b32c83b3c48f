"""NSynth: single notes of instruments: family, source, pitch, velocity and up to ten qualities."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.records import needed
from datasets_prep.tables import only, with_keys

FAMILIES = ("bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string", "synth_lead", "vocal")
QUALITIES = (
    "bright", "dark", "distortion", "fast_decay", "long_release", "multiphonic", "nonlinear_env", "percussive",
    "reverb", "tempo-synced",
)  # fmt: skip
SOURCES = ("acoustic", "electronic", "synthetic")
MD5 = {"test": "5e6f8719bf7e16ad0a00d518b78af77d", "valid": "87e94a00a19b6dbc99cf6d4c0c0cae87"}
SAMPLES = {"test": 4096, "valid": 12_678}
KEYS = (
    "instrument_family_str", "instrument_source_str", "instrument_str", "pitch", "velocity", "qualities_str",
)  # fmt: skip
ASPECTS: dict[str, tuple[str, tuple[str, ...] | None]] = {
    "family": ("instrument_family_str", FAMILIES),
    "source": ("instrument_source_str", SOURCES),
    "pitch": ("pitch", None),
    "velocity": ("velocity", None),
}
"""Of subsets of the test part that ask for one thing: the key, and what it is one of."""


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a note of ``examples.json``: described by tags, or one thing of it."""
    ((archive, tree),) = trees.items()
    home = f"nsynth-{split.options['part']}"
    name = only(tree, "examples.json")
    for identity, note in _notes(tree, name):
        _check(with_keys(note, KEYS, f"{name} in {tree.where}, {identity}"), f"{name} in {tree.where}, {identity}")
        aspect = split.options.get("aspect")
        yield Row(
            id=identity,
            recordings=(Recording(archive, f"{home}/audio/{identity}.wav", f"{home}/audio/{identity}.wav"),),
            references=(str(note[ASPECTS[aspect][0]]) if aspect else _tags(note),),
            group=note["instrument_str"],
        )


def _check(note: Mapping[str, Any], where: str) -> None:
    """Raises CorpusError for what cannot be of a note."""
    needed(note["instrument_str"], "instrument_str", where)
    for key, known in (("instrument_family_str", FAMILIES), ("instrument_source_str", SOURCES)):
        if note[key] not in known:
            raise CorpusError(f"{where}: {key} is {note[key]!r}, none of {', '.join(known)}")
    for key in ("pitch", "velocity"):
        if type(note[key]) is not int or not 0 <= note[key] <= 127:
            raise CorpusError(f"{where}: {key} is {note[key]!r}, no whole number from 0 to 127")
    qualities = note["qualities_str"]
    if not isinstance(qualities, list) or any(quality not in QUALITIES for quality in qualities):
        raise CorpusError(f"{where}: qualities_str is {qualities!r}, no list of {', '.join(QUALITIES)}")


def _notes(tree: Tree, name: str) -> list[tuple[str, Any]]:
    """Every key of the object and its note; a key that stands twice comes twice, which a dict would hide."""
    text = tree.text(name)
    outermost: list[tuple[str, Any]] | None = None

    def paired(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal outermost
        outermost = pairs  # objects end from the inside to the outside
        return dict(pairs)

    try:
        notes = json.loads(text, object_pairs_hook=paired)
    except ValueError as error:
        raise CorpusError(f"{name} in {tree.where}: not JSON ({error})") from None
    if not isinstance(notes, dict):
        raise CorpusError(f"{name} in {tree.where} is no object of notes")
    return outermost or []


def _tags(note: Mapping[str, Any]) -> str:
    """As Qwen-Audio answers."""
    return (
        f"<|pitch|><|midi_pitch_{note['pitch']}|><|velocity|><|midi_velocity_{note['velocity']}|>"
        f"<|instrument|>{note['instrument_family_str']}<|sonic|>{', '.join(note['qualities_str'])}"
    )


def _archive(part: str) -> Archive:
    name = f"nsynth-{part}.jsonwav.tar.gz"
    return Archive(
        name,
        url=f"http://download.magenta.tensorflow.org/datasets/nsynth/{name}",
        md5=MD5[part],
        unpacked=(f"nsynth-{part}",),
        tables=("examples.json",),
    )


CORPUS = Corpus(
    name="nsynth",
    title="NSynth",
    tasks=("mna",),
    languages=(),
    home="https://magenta.tensorflow.org/datasets/nsynth",
    licence="CC BY 4.0",
    access=Access.open,
    citation=(
        "J. Engel, C. Resnick, A. Roberts, S. Dieleman, D. Eck, K. Simonyan, M. Norouzi: Neural audio synthesis of "
        "musical notes with WaveNet autoencoders. ICML 2017."
    ),
    archives=tuple(_archive(part) for part in MD5),
    splits=(
        *(
            Split(part, (f"nsynth-{part}.jsonwav.tar.gz",), samples=samples, options={"part": part})
            for part, samples in SAMPLES.items()
        ),
        *(
            Split(
                f"test.{aspect}",
                ("nsynth-test.jsonwav.tar.gz",),
                samples=SAMPLES["test"],
                options={"part": "test", "aspect": aspect},
                labels=labels,
            )
            for aspect, (_, labels) in ASPECTS.items()
        ),
    ),
    rows=rows,
    layout="nsynth-<part>/examples.json, an object of notes; nsynth-<part>/audio/<note>.wav",
    defects=(
        "the quality tempo-synced is spelt with a hyphen, the family synth_lead with an underscore",
        "copies of the test part are said to have no note of synth_lead",
    ),
    unverified=("which velocities there are",),
)
