"""MMAR: 1,000 multiple-choice questions that take several steps to answer, on sound, speech, music and mixtures."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.records import filled, needed, text_of, texts_of
from datasets_prep.tables import read_json_lines, stem

TABLE, AUDIO = "MMAR-meta.jsonl", "mmar-audio.tar.gz"
FIELDS = {"modality": "modality", "category": "category", "sub_category": "sub-category", "language": "language"}
"""Fields by the keys that they come from."""


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line; ``audio_path`` is the recording's path in the archive."""
    keys = ("id", "audio_path", "question", "choices", "answer", *FIELDS.values())
    for number, record in read_json_lines(trees[TABLE], TABLE, keys):
        where = f"{TABLE}, line {number}"
        member = inside(needed(record["audio_path"], "audio_path", where), where)
        yield Row(
            id=needed(record["id"], "id", where),
            recordings=(Recording(AUDIO, member, member),),
            references=(needed(record["answer"], "answer", where),),
            group=stem(member),
            fields={
                "question": needed(record["question"], "question", where),
                "choices": texts_of(record["choices"], f"{where}, 'choices'"),
                **filled(**{field: text_of(record[key], f"{where}, '{key}'") for field, key in FIELDS.items()}),
            },
        )


CORPUS = Corpus(
    name="mmar",
    title="MMAR",
    tasks=("chat",),
    languages=("en", "zh"),
    home="https://github.com/ddlBoJack/MMAR",
    licence="unverified",
    access=Access.open,
    citation=(
        "Z. Ma et al.: MMAR: A challenging benchmark for deep reasoning in speech, audio, music, and their mix. 2025."
    ),
    archives=(
        Archive(TABLE, url=f"https://raw.githubusercontent.com/ddlBoJack/MMAR/main/{TABLE}"),
        Archive(AUDIO, unpacked=("audio",)),
    ),
    splits=(Split("all", (TABLE, AUDIO), samples=1000),),
    rows=rows,
    layout=(
        "audio/<id>.wav (from huggingface.co/datasets/BoJack/MMAR), and beside the archive MMAR-meta.jsonl: id, "
        "audio_path, question, choices, answer, modality, category, sub-category, language and more"
    ),
    defects=(
        "11 questions alone are about sound and music mixed",
        "the language of 353 recordings is 'none' or 'other'",
        "185 questions have not four choices but two, three, five or six",
    ),
    unverified=("licence", "checksums", "the name of the archive of recordings"),
)
