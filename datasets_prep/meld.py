"""MELD: feelings in the dialogues of a television series, seven of them, as films."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.tables import read_csv

ARCHIVE = "MELD.Raw.tar.gz"
FOLDERS = {"test": "output_repeated_splits_test", "dev": "dev_splits_complete"}
EMOTIONS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
SENTIMENTS = ("positive", "neutral", "negative")
COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the table whose film is there; its label is the column of that name."""
    tree = trees[ARCHIVE]
    part, label = split.options["part"], split.options["label"]
    there = set(tree.names)
    for _, line in read_csv(tree, f"MELD.Raw/{part}_sent_emo.csv", COLUMNS):
        identity = f"dia{line['Dialogue_ID']}_utt{line['Utterance_ID']}"
        member = f"MELD.Raw/{FOLDERS[part]}/{identity}.mp4"
        said = {"language": "en", "sentence": line["Utterance"], "speaker": line["Speaker"]}
        if member in there:
            yield Row(
                id=identity,
                recordings=(Recording(ARCHIVE, member, member),),
                references=(line[label],),
                group=f"dia{line['Dialogue_ID']}",
                fields={key: value for key, value in said.items() if value},
            )


CORPUS = Corpus(
    name="meld",
    title="MELD",
    tasks=("emotion",),
    languages=("en",),
    home="https://affective-meld.github.io/",
    licence="GPL-3.0 (its repository); the clips are of the series Friends",
    access=Access.open,
    citation=(
        "S. Poria, D. Hazarika, N. Majumder, G. Naik, E. Cambria, R. Mihalcea: MELD: A multimodal multi-party dataset "
        "for emotion recognition in conversations. ACL 2019."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url=f"https://huggingface.co/datasets/declare-lab/MELD/resolve/main/{ARCHIVE}",
            bytes=10_878_146_150,
            sha256="a56b4407d574195cbce470d86f9c9d72fcfea59b0e34502ecd4babee4a5c613e",
            unpacked=("MELD.Raw",),
            tables=("_sent_emo.csv",),
            nested=("MELD.Raw/test.tar.gz", "MELD.Raw/dev.tar.gz"),
        ),
    ),
    splits=(
        Split("test", (ARCHIVE,), samples=2610, options={"part": "test", "label": "Emotion"}),
        Split("dev", (ARCHIVE,), options={"part": "dev", "label": "Emotion"}),
        Split(
            "test.sentiment",
            (ARCHIVE,),
            samples=2610,
            options={"part": "test", "label": "Sentiment"},
            labels=SENTIMENTS,
        ),
    ),
    rows=rows,
    layout=(
        "MELD.Raw/<part>_sent_emo.csv; MELD.Raw/test.tar.gz with output_repeated_splits_test/dia<n>_utt<n>.mp4, "
        "dev.tar.gz with dev_splits_complete/"
    ),
    labels=EMOTIONS,
    defects=(
        "dev dia110_utt7.mp4 is missing, so 1,108 of 1,109 rows of dev are left",
        "five films of the test part and four of dev stand in no table",
        "test dia38_utt4 and dia220_utt0 are longer than 30 s",
        "laughter and other voices are heard; 48 % of the labels are neutral",
    ),
    unverified=("samples of dev", "whether the films are all of one rate and channels"),
)
