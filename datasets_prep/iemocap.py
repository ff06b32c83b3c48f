"""IEMOCAP: ten actors in pairs, five sessions; four emotions as SUPERB has them, excited among the happy."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from datasets_prep.archives import ArchiveError, Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split, nearest
from datasets_prep.tables import read_lines

TURN = re.compile(r"\[\d+(?:\.\d+)? - \d+(?:\.\d+)?\]\t(?P<id>\w+)\t(?P<label>\w+)\t\[.*\]\s*")
SAID = re.compile(r"(?P<id>\w+)\s+\[[\d.]+\s*-\s*[\d.]+\]:\s*(?P<text>.*)")
EMOTIONS = {"neu": "neutral", "hap": "happy", "exc": "happy", "ang": "angry", "sad": "sad"}
LEFT_OUT = ("fru", "sur", "fea", "dis", "oth", "xxx")
SAMPLES = (1085, 1023, 1151, 1031, 1241)


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a turn of ``dialog/EmoEvaluation/<dialog>.txt`` with one of the four emotions."""
    ((archive, tree),) = trees.items()
    for name in tree.names:
        path = PurePosixPath(name)
        if path.parent.parts[-2:] != ("dialog", "EmoEvaluation") or path.suffix != ".txt":
            continue
        home = path.parents[2]
        if home.name.lower() != split.name:
            continue  # an archive holds all sessions
        sentences = _sentences(tree, str(home / "dialog/transcriptions" / path.name))
        for identity, label in _turns(tree, name):
            if label in LEFT_OUT:
                continue
            member = str(home / "sentences/wav" / path.stem / f"{identity}.wav")
            sentence = sentences.get(identity)
            yield Row(
                id=identity,
                recordings=(Recording(archive, member, member),),
                references=(EMOTIONS[label],),
                group=_group(identity, f"{name} in {tree.where}"),
                fields={"language": "en"} | ({"sentence": sentence} if sentence else {}),
            )


def _turns(tree: Tree, name: str) -> Iterator[tuple[str, str]]:
    """Id and label of each turn; below its line stand those of the annotators, which begin otherwise."""
    for number, line in _lines(tree, name):
        if not line.startswith("["):
            continue
        where = f"{name} in {tree.where}, line {number}"
        found = TURN.fullmatch(line)
        if found is None:
            raise CorpusError(f"{where}: not [<start> - <end>], id, label and [v, a, d] with tabs between")
        if found["label"] not in (*EMOTIONS, *LEFT_OUT):
            raise CorpusError(
                f"{where}: {found['id']} has the label {found['label']!r}"
                f"{nearest(found['label'], [*EMOTIONS, *LEFT_OUT])}"
            )
        yield found["id"], found["label"]


def _sentences(tree: Tree, name: str) -> dict[str, str]:
    lines = (SAID.fullmatch(line) for _, line in _lines(tree, name))
    return {found["id"]: found["text"].strip() for found in lines if found}


def _lines(tree: Tree, name: str) -> list[tuple[int, str]]:
    """In UTF-8, or else in Latin-1: remarks of annotators are in either."""
    try:
        return list(read_lines(tree, name))
    except ArchiveError:
        return list(read_lines(tree, name, "latin-1"))


def _group(identity: str, where: str) -> str:
    """Session and speaker: ``Ses01M`` of ``Ses01F_impro01_M000``; the first letter says who wore the markers."""
    turn = identity.rpartition("_")[2]
    if not re.fullmatch(r"Ses\d\d[FM]_\w+_[FM]\w+", identity):
        raise CorpusError(f"{where}: {identity!r} is no id like Ses01F_impro01_M000")
    return identity[:5] + turn[0]


def _corpus(archives: Sequence[Archive]) -> Corpus:
    """``archives``: of each session."""
    return Corpus(
        name="iemocap",
        title="IEMOCAP, four emotions",
        tasks=("emotion",),
        languages=("en",),
        home="https://sail.usc.edu/iemocap/",
        licence="of USC SAIL, for research (its text is unverified)",
        access=Access.agreement,
        citation=(
            "C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, S. S. Narayanan: "
            "IEMOCAP: interactive emotional dyadic motion capture database. Language Resources and Evaluation, 2008."
        ),
        archives=tuple(dict.fromkeys(archives)),
        splits=tuple(
            Split(f"session{number}", (archive.name,), samples=samples)
            for number, (archive, samples) in enumerate(zip(archives, SAMPLES, strict=True), 1)
        ),
        rows=rows,
        layout=(
            "IEMOCAP_full_release/Session<1 to 5>/: dialog/EmoEvaluation/<dialog>.txt (labels), "
            "dialog/transcriptions/<dialog>.txt, sentences/wav/<dialog>/<utterance>.wav"
        ),
        labels=tuple(dict.fromkeys(EMOTIONS.values())),
        defects=("other benchmarks, AIR-Bench and MMAU among them, reuse its clips",),
        unverified=(
            "licence",
            "name and checksum of the archive",
            "the spelling of the rare labels (fru, sur, fea, dis, oth, xxx), all of which are left out",
            "that the last letter of an id, and not the first, says who speaks",
        ),
    )


def _folder(name: str) -> Corpus:
    sessions = [f"{name}/Session{number}" for number in range(1, 6)]
    return _corpus([Archive(session, unpacked=(session,)) for session in sessions])


def _packed(name: str) -> Corpus:
    return _corpus([Archive(name, tables=(".txt",))] * 5)


CORPUS = replace(
    _folder("IEMOCAP_full_release"),
    copies=(
        _folder("IEMOCAP"),
        *(_packed(f"IEMOCAP_full_release{ending}") for ending in (".tar.gz", ".tgz", ".tar", ".zip")),
    ),
)
