"""MuChoMusic: 1,187 multiple-choice questions about music, on clips of Song Describer and MusicCaps."""

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.records import clip_of_film, filled, needed, sounds
from datasets_prep.tables import read_csv, stem

TABLE, SONGS, FILMS = "muchomusic.csv", "audio.zip", "musiccaps"
BRACKETED = re.compile(r"\[(.+)\]-\[.*\]")
"""A clip's name as the authors' own download gives it: [<film>]-[<start>-<end>]."""
Line = Mapping[str, str]


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the table; of a clip of MusicCaps that has vanished there are none."""
    table = trees[TABLE]
    header = table.text(TABLE).split("\n", 1)[0]
    # the record has a column for each answer; lists of answers are what the authors' own program makes of them
    listed = "correct_answer" not in header
    columns = ["question", "dataset", "genre"]
    columns += ["answers"] if listed else ["correct_answer", *(f"distractor_{number}_answer" for number in (1, 2, 3))]
    more = [name for name in ("answer_orders", "dataset_identifier", "audio_path") if name in header]
    numbered = "id" in [name.strip().strip('"\ufeff') for name in header.split(",")]
    if not numbered and "dataset_identifier" not in more:
        columns.append("id")
    songs = {stem(name).partition(".")[0]: name for name in sounds(trees[SONGS].names).values()}
    films = _films(trees[FILMS])
    asked: Counter[str] = Counter()
    for number, line in read_csv(table, TABLE, [*columns, *more, *(["id"] if numbered else [])]):
        where = f"{TABLE}, line {number}"
        dataset = line["dataset"].strip().casefold()
        track = _track(line, dataset)
        asked[track] += 1
        identity = line.get("id", "").strip() or f"{track}-{asked[track] - 1}"
        if dataset == "musiccaps":
            found, archive = clip_of_film(films, track), FILMS
            if found is None:
                continue
        elif dataset == "sdd":
            found, archive = songs.get(track.partition(".")[0]), SONGS
            if found is None:
                raise CorpusError(f"{SONGS} lacks the song {track}, which {identity} ({where}) needs")
        else:
            raise CorpusError(f"{where}: the dataset is {line['dataset']!r}, which is neither sdd nor musiccaps")
        choices, right = _choices(line, identity, listed, where)
        yield Row(
            id=identity.replace("/", "-"),
            recordings=(Recording(archive, found, found),),
            references=(right,),
            group=stem(found),
            fields={
                "question": needed(line["question"], "question", where),
                "choices": choices,
                **filled(dataset=line["dataset"], genre=line["genre"]),
            },
        )


def _films(tree: Tree) -> dict[str, str]:
    """Clips by film, or by what else they are called."""
    found = sounds(tree.names)
    named = {match[1]: name for stem_, name in found.items() if (match := BRACKETED.fullmatch(stem_))}
    return dict(sorted((found | named).items()))


def _track(line: Line, dataset: str) -> str:
    """What a line's clip is called: Song Describer's number, MusicCaps' film."""
    if line.get("audio_path"):
        name = stem(line["audio_path"])
        return match[1] if (match := BRACKETED.fullmatch(name)) else name
    if line.get("dataset_identifier"):
        name = line["dataset_identifier"].strip().removesuffix(".json")
        return name.rpartition("_")[0] if dataset == "musiccaps" and "_" in name else name
    return line["id"].strip().removesuffix(".json")


def _choices(line: Line, identity: str, listed: bool, where: str) -> tuple[list[str], str]:
    """The choices in their order, and the right one, which the table has first.

    Where the table has no order, the id's hash gives one: the authors draw it, and A must not be right throughout."""
    if listed:
        answers = [needed(answer, "answers", where) for answer in _list(line["answers"], "answers", where)]
        order = list(range(len(answers)))
        if line.get("answer_orders", "").strip():
            order = _list(line["answer_orders"], "answer_orders", where)
            if sorted(order) != list(range(len(answers))):
                raise CorpusError(f"{where}: answer_orders is {order}, no order of {len(answers)} answers")
        return [answers[place] for place in order], answers[0]
    keys = ("correct_answer", *(f"distractor_{number}_answer" for number in (1, 2, 3)))
    answers = [needed(line[key], key, where) for key in keys]
    drawn = sorted(answers, key=lambda answer: hashlib.sha256(f"{identity}\n{answer}".encode()).digest())
    return drawn, answers[0]


def _list(text: str, what: str, where: str) -> list[Any]:
    try:
        found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, list) or not found:
        raise CorpusError(f"{where}: '{what}' is {text[:60]!r}, no list")
    return found


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
    unverified=("checksums", "columns of the table, of which two forms are read"),
)
