"""MuChoMusic: 1,187 multiple-choice questions about music, on clips of Song Describer and MusicCaps."""

import hashlib
import re
from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.records import clip_of_film, filled, needed, sounds
from datasets_prep.tables import read_csv, stem

TABLE, SONGS, FILMS = "muchomusic.csv", "audio.zip", "musiccaps"
ANSWERS = ("correct_answer", *(f"distractor_{number}_answer" for number in (1, 2, 3)))
COLUMNS = ("question_id", "question", "dataset", "dataset_identifier", "genre", *ANSWERS)
BRACKETED = re.compile(r"\[(.+)\]-\[.*\]")
"""A clip's name as the authors' own download gives it: [<film>]-[<start>-<end>]."""


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the table; of a clip of MusicCaps that has vanished there are none."""
    songs = {stem(name).partition(".")[0]: name for name in sounds(trees[SONGS].names).values()}
    films = _films(trees[FILMS])
    for number, line in read_csv(trees[TABLE], TABLE, COLUMNS):
        where = f"{TABLE}, line {number}"
        track = needed(line["dataset_identifier"], "dataset_identifier", where).strip().removesuffix(".json")
        if line["dataset"] == "sdd":
            archive = SONGS
            member = songs.get(track, f"audio/{track[-2:]}/{track}.2min.mp3")
        elif line["dataset"] == "musiccaps":  # <film>_<start>.json
            archive, found = FILMS, clip_of_film(films, track.rpartition("_")[0] or track)
            if found is None:
                continue
            member = found
        else:
            raise CorpusError(f"{where}: the dataset is {line['dataset']!r}, which is neither sdd nor musiccaps")
        yield Row(
            id=needed(line["question_id"], "question_id", where),
            recordings=(Recording(archive, member, member),),
            references=(needed(line["correct_answer"], "correct_answer", where),),
            group=stem(member),
            fields={
                "question": needed(line["question"], "question", where),
                "choices": _choices(line, where),
                **filled(dataset=line["dataset"], genre=line["genre"]),
            },
        )


def _films(tree: Tree) -> dict[str, str]:
    """Clips by film, or by what else they are called."""
    found = sounds(tree.names)
    named = {match[1]: name for key, name in found.items() if (match := BRACKETED.fullmatch(key))}
    return dict(sorted((found | named).items()))


def _choices(line: Mapping[str, str], where: str) -> list[str]:
    """The answers in the order of a hash of the question and each: the table has the right one first, and A must not be
    right throughout."""
    answers = [needed(line[key], key, where) for key in ANSWERS]
    return sorted(answers, key=lambda text: hashlib.sha256(f"{line['question_id']}\n{text}".encode()).digest())


CORPUS = Corpus(
    name="muchomusic",
    title="MuChoMusic",
    tasks=("mqa",),
    languages=("en",),
    home="https://github.com/mulab-mir/muchomusic",
    licence="CC BY-SA 4.0 (questions); clips keep their own",
    access=Access.open,
    citation=(
        "B. Weck et al.: MuChoMusic: Evaluating music understanding in multimodal audio-language models. ISMIR 2024."
    ),
    archives=(
        Archive(TABLE, url=f"https://zenodo.org/record/12709974/files/{TABLE}"),
        Archive(SONGS, url=f"https://zenodo.org/record/10072001/files/{SONGS}", unpacked=("audio",)),
        Archive(FILMS, unpacked=(FILMS,)),
    ),
    splits=(Split("test", (TABLE, SONGS, FILMS), samples=1187),),
    rows=rows,
    layout=(
        "muchomusic.csv; Song Describer's audio.zip (audio/<NN>/<track>.2min.mp3); a folder musiccaps with the clips "
        "of MusicCaps, each named after its film or, as the authors do, [<film>]-[<start>-<end>].wav"
    ),
    defects=(
        "clips of MusicCaps come from YouTube and vanish",
        "clips of Song Describer last two minutes",
        "RUL-MuchoMusic has other wrong answers and far lower scores: never mix them",
        "the authors draw the order of the answers; here each question's is given by its id",
    ),
    unverified=("checksums", "columns of the table, as its authors' program reads them"),
)
