"""ClothoAQA: questions about the clips of Clotho, each answered by three annotators."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import read_csv

BASE = "https://zenodo.org/records/6473207/files"
AUDIO = "audio_files.zip"
COLUMNS = ["file_name", "QuestionText", "answer", "confidence"]
ANNOTATORS = 3


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a question: three rows of the table on end, an annotator each; all answers are references."""
    table = split.archives[0]
    lines = list(read_csv(trees[table], table, COLUMNS, encoding="latin-1"))
    members = {_one_form(member): member for member in trees[AUDIO].names}
    asked: Counter[str] = Counter()
    seen: set[tuple[str, ...]] = set()
    for first in range(0, len(lines), ANNOTATORS):
        answers = [line for _, line in lines[first : first + ANNOTATORS]]
        name, question = answers[0]["file_name"], answers[0]["QuestionText"]
        where = f"{table}, line {lines[first][0]}"
        if len(answers) < ANNOTATORS or any(
            (line["file_name"], line["QuestionText"]) != (name, question) for line in answers
        ):
            raise CorpusError(f"{where}: not three rows on end with the same file and question")
        said = (name, question, *(line[key] for line in answers for key in ("answer", "confidence")))
        if said in seen:
            raise CorpusError(f"{where}: the question {question!r} on {name} stands there twice, with the same answers")
        seen.add(said)
        asked[name] += 1
        path = members.get(_one_form(inside(f"audio_files/{name}", table)), f"audio_files/{name}")
        yield Row(
            id=f"{PurePosixPath(name).stem}#{asked[name]}",
            recordings=(Recording(AUDIO, path, f"audio_files/{name}"),),
            references=tuple(line["answer"] for line in answers),
            group=name,
            fields={"question": question, "confidence": [line["confidence"] for line in answers]},
        )


def _one_form(path: str) -> str:
    """Accented letters as one sign each: macOS writes two, the tables one."""
    return unicodedata.normalize("NFC", path)


CORPUS = Corpus(
    name="clothoaqa",
    title="ClothoAQA",
    tasks=("aqa",),
    languages=("en",),
    home="https://zenodo.org/records/6473207",
    licence="unverified: LICENSE.txt in the record",
    access=Access.open,
    citation=(
        "S. Lipping, P. Sudarsanam, K. Drossos, T. Virtanen: Clotho-AQA: A crowdsourced dataset for audio question "
        "answering. EUSIPCO 2022."
    ),
    archives=(
        Archive(AUDIO, url=f"{BASE}/{AUDIO}", unpacked=("audio_files",)),
        *(Archive(f"clotho_aqa_{name}.csv", url=f"{BASE}/clotho_aqa_{name}.csv") for name in ("val", "test")),
    ),
    splits=(
        Split("val", ("clotho_aqa_val.csv", AUDIO), samples=2064),
        Split("test", ("clotho_aqa_test.csv", AUDIO), samples=2838),
    ),
    rows=rows,
    layout=(
        "audio_files/<file_name> for all splits in one zip; beside it clotho_aqa_<split>.csv (latin-1), three lines on "
        "end for each question: file_name, QuestionText, answer, confidence"
    ),
    defects=("the three answers to a question often differ, and so does their case (YES, yes)",),
    unverified=("licence", "checksums", "which answers the paper of Qwen-Audio counted (here: each annotator's)"),
)
