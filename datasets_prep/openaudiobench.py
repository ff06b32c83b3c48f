"""OpenAudioBench: spoken questions of five sets, in the hub's copy: reasoning, knowledge, instructions."""

import ast
import io
import json
import tokenize
from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Hub, Recording, Row, Split
from datasets_prep.records import needed
from datasets_prep.tables import read_csv, stem

HUB = "baichuan-inc/OpenAudioBench"
FOLDER = "OpenAudioBench/eval_datas"
LISTS = ("web_questions", "trivia_qa")
"""Where the answer is a list of all that count."""
# Subset: columns of the question and of the answer, samples
SUBSETS = {
    "reasoning_qa": ("Prompt", "参考答案", 202),
    "llama_questions": ("Questions", "Answer", 300),
    "web_questions": ("question", "answers", 1000),
    "trivia_qa": ("question", "answer_normalized_aliases", 1000),
    "alpaca_eval": ("instruction", "output", 199),
}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of ``<subset>.csv``; its recording is in ``audios/``."""
    ((folder, tree),) = trees.items()
    asked, answered, _ = SUBSETS[split.name]
    table = f"{folder}/{split.name}.csv"
    for number, line in read_csv(tree, table, (asked, answered, "audio_filename")):
        where = f"{table}, line {number}"
        member = inside(f"{folder}/audios/{needed(line['audio_filename'].strip(), 'audio_filename', where)}", where)
        answer = needed(line[answered], answered, where)
        yield Row(
            id=stem(member),
            recordings=(Recording(folder, member, member),),
            references=tuple(_listed(answer, where)) if split.name in LISTS else (answer,),
            group=stem(member),
            fields={"sentence": needed(line[asked], asked, where)},
        )


def _listed(text: str, where: str) -> list[str]:
    """The texts of a list in JSON or Python, or as NumPy prints it, without commas; of anything else the text itself.
    Raises CorpusError for a list that cannot be read, or is empty."""
    if not text.strip().startswith("["):
        return [text]
    try:
        found = json.loads(text)
    except ValueError:
        try:
            tokens = list(tokenize.generate_tokens(io.StringIO(text.strip()).readline))
            strings = [ast.literal_eval(token.string) for token in tokens if token.type == tokenize.STRING]
            found = strings or ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, tokenize.TokenError, MemoryError, RecursionError):
            raise CorpusError(f"{where}: {text[:60]!r} is no list that can be read; get the file again") from None
    if not isinstance(found, list) or not found:
        raise CorpusError(f"{where}: {text[:60]!r} holds no answer")
    return [needed(answer, "answer", where) for answer in found]


CORPUS = Corpus(
    name="openaudiobench",
    title="OpenAudioBench",
    tasks=("chat",),
    languages=("en", "zh"),
    home=f"https://huggingface.co/datasets/{HUB}",
    licence="unverified",
    access=Access.open,
    citation="T. Li et al.: Baichuan-Audio: A unified framework for end-to-end speech interaction. 2025.",
    archives=tuple(
        Archive(f"{FOLDER}/{name}", unpacked=(f"{FOLDER}/{name}",), hub=Hub(HUB, files=(f"eval_datas/{name}/*",)))
        for name in SUBSETS
    ),
    splits=tuple(Split(name, (f"{FOLDER}/{name}",), samples=count) for name, (_, _, count) in SUBSETS.items()),
    rows=rows,
    layout=f"files of the hub: {FOLDER}/<subset>/<subset>.csv and {FOLDER}/<subset>/audios/<audio_filename>",
    defects=("recordings of up to 50 s", "the answers of alpaca_eval are examples, not all that is right"),
    unverified=("licence", "revision of the hub's copy", "how lists of answers are written"),
)
