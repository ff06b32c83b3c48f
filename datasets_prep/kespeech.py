"""KeSpeech: Mandarin and eight of its subdialects, read by people of 34 cities."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import only, read_lines

FOLDER = "KeSpeech"
NOISE = "<SPOKEN_NOISE>"
DIALECTS = (
    "Mandarin", "Zhongyuan", "Southwestern", "Ji-Lu", "Jiang-Huai", "Lan-Yin", "Jiao-Liao", "Northeastern", "Beijing",
)  # fmt: skip


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One an utterance of the part's ``text``, with its line of ``wav.scp``, ``utt2spk`` and ``utt2subdialect``."""
    part, _ = split.archives
    texts = _by_utterance(trees[part], "text")
    tables = {name: _by_utterance(trees[part], name) for name in ("wav.scp", "utt2spk", "utt2subdialect")}
    for identity, text in texts.items():
        for name, table in tables.items():
            if not table.get(identity):
                raise CorpusError(f"{name} in {trees[part].where} lacks {identity}, which stands in text; get it again")
        path, speaker, dialect = (table[identity] for table in tables.values())
        if dialect not in DIALECTS:
            raise CorpusError(
                f"utt2subdialect in {trees[part].where}: {identity} has {dialect!r}, none of {', '.join(DIALECTS)}"
            )
        member = f"{FOLDER}/{inside(path, f'wav.scp in {trees[part].where}').removeprefix(f'{FOLDER}/')}"
        yield Row(
            id=identity,
            recordings=(Recording(FOLDER, member, member),),
            references=(dialect if split.labels else text.replace(NOISE, "").strip(),),
            group=speaker,
            fields={"language": "zh", "dialect": dialect},
        )


def _by_utterance(tree: Tree, table: str) -> dict[str, str]:
    """What follows the utterance in each line of a table: blanks or a tab between."""
    found: dict[str, str] = {}
    for number, line in read_lines(tree, only(tree, table)):
        identity, *rest = line.split(maxsplit=1)
        if identity in found:
            raise CorpusError(f"{table} in {tree.where}, line {number}: {identity} stands there twice")
        found[identity] = rest[0].strip() if rest else ""
    return found


CORPUS = Corpus(
    name="kespeech",
    title="KeSpeech",
    tasks=("asr", "did"),
    languages=("zh",),
    home="https://github.com/KeSpeech/KeSpeech",
    licence="KeSpeech licence: not commercial, no adaptations, no redistribution",
    access=Access.agreement,
    citation=(
        "Z. Tang, D. Wang, Y. Xu et al.: KeSpeech: An open source speech dataset of Mandarin and its eight "
        "subdialects. NeurIPS 2021, datasets and benchmarks."
    ),
    archives=(
        Archive(FOLDER, unpacked=(FOLDER,), tops=("Audio", "Tasks")),
        *(
            Archive(f"{FOLDER}/Tasks/ASR/{part}", unpacked=(f"{FOLDER}/Tasks/ASR/{part}",))
            for part in ("test", "dev_phase1", "dev_phase2")
        ),
    ),
    splits=tuple(
        Split(name, (f"{FOLDER}/Tasks/ASR/{part}", FOLDER), labels=labels)
        for name, part, labels in (
            ("test", "test", None),
            ("test.dialect", "test", DIALECTS),
            ("dev_phase1", "dev_phase1", None),
            ("dev_phase2", "dev_phase2", None),
        )
    ),
    rows=rows,
    layout=(
        "KeSpeech/Tasks/ASR/<part>/: text, wav.scp, utt2spk, utt2subdialect, each an utterance and what belongs to it; "
        "the paths of wav.scp count from KeSpeech/"
    ),
    defects=(
        "<SPOKEN_NOISE> in the texts, which is taken out",
        "some report the first phase alone: not comparable with the whole of test",
    ),
    unverified=(
        "names and checksums of the archives, which are therefore read unpacked",
        "samples of each part",
        "the spelling of the dialects",
        "whether others test dialects on the same list",
    ),
)
