"""LLaMA Questions: 300 spoken questions of general knowledge with short answers."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.records import needed
from datasets_prep.tables import only, read_tsv, stem

FOLDER, TABLE = "LLAMA1-Test-Set", "llama_questions_300.tsv"


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the table; its recordings lie beside it."""
    tree = trees[FOLDER]
    table = only(tree, TABLE)
    for number, line in read_tsv(tree, table, ("Questions", "Answer", "Wav Filename")):
        where = f"{table}, line {number}"
        file = inside(needed(line["Wav Filename"].strip(), "Wav Filename", where), where)
        member = f"{table.removesuffix(TABLE)}{file if file.endswith('.wav') else f'{file}.wav'}"
        yield Row(
            id=stem(member),
            recordings=(Recording(FOLDER, member, member),),
            references=(needed(line["Answer"], "Answer", where),),
            group=stem(member),
            fields={"sentence": needed(line["Questions"], "Questions", where)},
        )


CORPUS = Corpus(
    name="llama_questions",
    title="LLaMA Questions",
    tasks=("chat",),
    languages=("en",),
    home="https://github.com/google-research-datasets/LLAMA1-Test-Set",
    licence="unverified",
    access=Access.open,
    citation=(
        "E. Nachmani et al.: Spoken question answering and speech continuation using spectrogram-powered LLM. "
        "ICLR 2024."
    ),
    archives=(Archive(FOLDER, unpacked=(FOLDER, f"{FOLDER}-main", f"{FOLDER}-master")),),
    splits=(Split("test", (FOLDER,), samples=300),),
    rows=rows,
    layout=f"a git repository: <n>.wav and {TABLE} (Questions, Answer, Wav Filename)",
    defects=("synthesised speech", "published scores mix answers in text and answers in speech"),
    unverified=("licence",),
)
