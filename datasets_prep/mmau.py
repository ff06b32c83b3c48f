"""MMAU test-mini: 1,000 multiple-choice questions about sound, speech and music; the first version, and v05.15.25."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.records import filled, needed, read_entries, text_of, texts_of
from datasets_prep.tables import stem

BASE = "https://raw.githubusercontent.com/Sakshi113/MMAU/main"
FIELDS = {
    "task": "task", "category": "category", "sub_category": "sub-category", "difficulty": "difficulty",
    "dataset": "dataset",
}  # fmt: skip
"""Fields by the keys that they come from."""
# Subset: its table, its recordings, questions
SUBSETS = {
    "test_mini": ("mmau-test-mini.json", "test-mini-audios.tar.gz", 1000),
    "v05.15.25": ("mmau-test-mini-v05.15.25.json", "test-mini-audios-v05.15.25.tar.gz", None),
}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One an entry of the list; ``audio_id`` is the recording's path in the archive."""
    table, audio = split.archives
    keys = ("id", "audio_id", "question", "choices", "answer", *FIELDS.values())
    for where, record in read_entries(trees[table], table, keys):
        member = inside(needed(record["audio_id"], "audio_id", where), where)
        yield Row(
            id=needed(record["id"], "id", where),
            recordings=(Recording(audio, member, member),),
            references=(needed(record["answer"], "answer", where),),
            group=stem(member),
            fields={
                "question": needed(record["question"], "question", where),
                "choices": texts_of(record["choices"], f"{where}, 'choices'"),
                **filled(**{field: text_of(record[key], f"{where}, '{key}'") for field, key in FIELDS.items()}),
            },
        )


CORPUS = Corpus(
    name="mmau",
    title="MMAU test-mini",
    tasks=("chat",),
    languages=("en",),
    home="https://github.com/Sakshi113/MMAU",
    licence="Apache 2.0 (its repository); recordings keep the terms of their sources",
    access=Access.open,
    citation="S. Sakshi et al.: MMAU: A massive multi-task audio understanding and reasoning benchmark. ICLR 2025.",
    archives=(
        Archive("mmau-test-mini.json", url=f"{BASE}/mmau-test-mini.json"),
        Archive("test-mini-audios.tar.gz", also=("mmau-test-mini-audios.tar.gz",), unpacked=("test-mini-audios",)),
        Archive("mmau-test-mini-v05.15.25.json"),
        Archive(
            "test-mini-audios-v05.15.25.tar.gz",
            also=("test-mini-audios.tar.gz", "mmau-test-mini-audios.tar.gz"),
            unpacked=("test-mini-audios",),
        ),
    ),
    splits=tuple(Split(name, (table, audio), samples=count) for name, (table, audio, count) in SUBSETS.items()),
    rows=rows,
    layout=(
        "test-mini-audios/<uuid>.wav, and beside the archive the questions as a JSON list (id, audio_id, question, "
        "choices, answer, task, category, sub-category, difficulty, dataset); of v05.15.25 the same, the recordings in "
        "test-mini-audios-v05.15.25.tar.gz where they are not those of the first version; the recordings are on Google "
        "Drive (1fERNIyTa0HWry6iIG1X-1ACPlUlhlRWA), the answers to the larger test set are withheld"
    ),
    defects=(
        "the repository's list of questions was edited several times since 2024: always state the version",
        "52 questions have not four choices but two, five or eight",
        "13 questions have the category \"['Reasoning']\"",
        "about a quarter of the questions and 5 % of the recordings differ between the two versions",
        "clips of AudioSet, MusicCaps, Clotho, MELD and VoxCeleb, on which many models were trained",
    ),
    unverified=("checksums", "samples of v05.15.25", "names of the files of v05.15.25"),
)
