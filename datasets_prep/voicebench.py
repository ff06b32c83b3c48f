"""VoiceBench: questions and instructions that are spoken: multiple choice, short answers, open and harmful ones."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Hub, Recording, Row, Split
from datasets_prep.records import needed, text_of
from datasets_prep.tables import with_keys

HUB = "hlt-lab/voicebench"
FOLDER = "voicebench"
DOMAINS = (
    "biology", "business", "chemistry", "economics", "engineering", "health", "history", "law", "other", "philosophy",
    "physics", "psychology",
)  # fmt: skip
REGIONS = ("aus", "gbr", "ind_n", "ind_s", "irl", "kenya", "nga", "nzl", "phl", "usa", "zaf")
# With one split, "test": samples
ANSWERED = {"openbookqa": 455, "bbh": 1000}
OPEN = {"alpacaeval": 199, "alpacaeval_full": 636, "commoneval": 200, "wildvoice": 1000, "advbench": 520}


def table_of(config: str, part: str) -> str:
    return f"{FOLDER}/{config}/{part}-00000-of-00001.parquet"


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a row of the table; its recording is a cell. Open questions have no reference: it is the empty text."""
    ((archive, tree),) = trees.items()
    config, begin = split.options["config"], split.options["id"]
    answered = split.options["answered"] == "yes"
    keys = ("audio", "prompt", *(["reference"] if answered else []))
    for number, record in enumerate(tree.records(archive)):
        where = f"{archive}, row {number}"
        record = with_keys(record, keys, where)
        if record["audio"] is None:
            raise CorpusError(f"{where}: no recording in 'audio'; get the file again")
        prompt = text_of(record["prompt"], f"{where}, 'prompt'")
        member = str(PurePosixPath(record["audio"]).relative_to(PurePosixPath(archive).parent))
        yield Row(
            id=(identity := f"{begin}-{number:04}"),
            recordings=(Recording(archive, member, f"{FOLDER}/{config}/{member}"),),
            references=(needed(record["reference"], "reference", where) if answered else "",),
            group=identity,
            fields={"prompt": prompt} if prompt else {},
        )


def _split(config: str, part: str, samples: int | None, answered: bool) -> Split:
    name = config if part == "test" else f"{config}.{part}"
    options = {"config": config, "id": name.replace(".", "-", 1), "answered": "yes" if answered else "no"}
    return Split(name, (table_of(config, part),), samples=samples, options=options)


SPLITS = (
    _split("openbookqa", "test", ANSWERED["openbookqa"], True),
    *(_split("mmsu", domain, None, True) for domain in DOMAINS),
    *(_split("sd-qa", region, None, True) for region in REGIONS),
    _split("bbh", "test", ANSWERED["bbh"], True),
    *(_split(config, "test", samples, False) for config, samples in OPEN.items()),
)

CORPUS = Corpus(
    name="voicebench",
    title="VoiceBench",
    tasks=("chat",),
    languages=("en",),
    home="https://github.com/MatthewCYM/VoiceBench",
    licence="Apache 2.0 (unverified)",
    access=Access.open,
    citation="Y. Chen et al.: VoiceBench: Benchmarking LLM-based voice assistants. 2024.",
    archives=tuple(
        Archive(
            split.archives[0],
            also=(split.archives[0].removeprefix(f"{FOLDER}/"),),
            hub=Hub(HUB, files=(split.archives[0].removeprefix(f"{FOLDER}/"),)),
        )
        for split in SPLITS
    ),
    splits=SPLITS,
    rows=rows,
    layout=(
        f"files of the hub, below {FOLDER}: <config>/<split>-00000-of-00001.parquet with the columns audio, prompt "
        "(what is said) and, where there is an answer, reference"
    ),
    defects=(
        "most of it is synthesised speech",
        "mmsu here is MMLU-Pro, spoken; it is not the benchmark of that name",
        "the open parts (alpacaeval to advbench) have no references: a judge scores them, and no task here",
    ),
    unverified=(
        "licence",
        "columns of each config",
        "samples of each domain of mmsu (3,074 in all) and of each region of sd-qa (553 are published)",
        "revision of the hub's copy",
    ),
)
