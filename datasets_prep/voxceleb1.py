"""VoxCeleb1: celebrities in interviews; trials of speaker verification on its 40 test speakers, and their gender."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import read_csv, read_lines, read_tsv, stem

AUDIO = "vox1_test_wav.zip"
META = "vox1_meta.csv"
BASE = "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/meta"
GENDERS = {"m": "male", "f": "female"}
VERDICTS = {"1": "yes", "0": "no"}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a recording of the test part, or one a trial: two recordings."""
    table = split.archives[0]
    yield from _genders(trees) if table == META else _trials(table, trees[table])


def _genders(trees: Mapping[str, Tree]) -> Iterator[Row]:
    speakers: dict[str, dict[str, str]] = {}
    read = read_tsv if "\t" in trees[META].text(META).partition("\n")[0] else read_csv
    for number, line in read(trees[META], META, ("VoxCeleb1 ID", "Gender", "Set")):
        speaker = line["VoxCeleb1 ID"].strip()
        if speaker in speakers:
            raise CorpusError(f"{META}, line {number}: the speaker {speaker} stands there twice")
        if line["Gender"].strip() not in GENDERS:
            raise CorpusError(f"{META}, line {number}: the gender of {speaker} is {line['Gender']!r}, not m or f")
        speakers[speaker] = {key: value.strip() for key, value in line.items()}
    tree = trees[AUDIO]
    for name in tree.names:
        parts = PurePosixPath(name).parts
        if parts[0] != "wav" or not name.lower().endswith(".wav"):
            continue
        if len(parts) != 4:
            raise CorpusError(f"{tree.where} holds {name}, which is not wav/<speaker>/<video>/<number>.wav")
        speaker = parts[1]
        if speaker not in speakers:
            raise CorpusError(f"{META} lacks the speaker {speaker} of {name} in {tree.where}; get it again")
        if speakers[speaker]["Set"] == "dev":
            continue  # who unpacks the development part beside the test part has both in one folder
        yield Row(
            id="-".join((*parts[1:-1], stem(name))),
            recordings=(Recording(AUDIO, name, name),),
            references=(GENDERS[speakers[speaker]["Gender"]],),
            group=speaker,
        )


def _trials(table: str, tree: Tree) -> Iterator[Row]:
    for number, line in read_lines(tree, table):
        said, *paths = line.split()
        if said not in VERDICTS or len(paths) != 2:
            raise CorpusError(f"{table}, line {number}: {line!r} is not 1 or 0 and two paths")
        members = [inside(f"wav/{path}", table) for path in paths]
        yield Row(
            id=f"{number:05}",
            recordings=tuple(Recording(AUDIO, member, member) for member in members),
            references=(VERDICTS[said],),
            group=paths[0].partition("/")[0],
        )


CORPUS = Corpus(
    name="voxceleb1",
    title="VoxCeleb1",
    tasks=("sv", "gender"),
    languages=(),
    home="https://www.robots.ox.ac.uk/~vgg/data/voxceleb/",
    licence="CC BY 4.0 (metadata; unverified)",
    access=Access.agreement,
    citation="A. Nagrani, J. S. Chung, A. Zisserman: VoxCeleb: a large-scale speaker identification dataset. 2017.",
    archives=(
        Archive(
            AUDIO,
            url=f"https://thor.robots.ox.ac.uk/~vgg/data/voxceleb/vox1a/{AUDIO}",
            md5="185fdc63c3c739954633d50379a3d102",
            sha256="8de57f347fe22b2c24526e9f444f689ecf5096fc2a92018cf420ff6b5b15eaea",
            unpacked=("wav", "vox1_test_wav/wav"),
        ),
        *(Archive(name, url=f"{BASE}/{name}") for name in (META, "veri_test2.txt", "veri_test.txt")),
    ),
    splits=(
        Split("gender", (META, AUDIO), samples=4874, labels=("male", "female")),
        Split("verification", ("veri_test2.txt", AUDIO), samples=37_611, labels=("yes", "no")),
        Split("verification.original", ("veri_test.txt", AUDIO), samples=37_720, labels=("yes", "no")),
    ),
    rows=rows,
    layout=(
        "wav/<speaker>/<video>/<number>.wav; vox1_meta.csv, tabs between (VoxCeleb1 ID, Gender, Set...); "
        "veri_test2.txt (cleaned) and veri_test.txt: 1 or 0, and two paths below wav/"
    ),
    defects=("the trials of veri_test.txt have wrong labels, which veri_test2.txt is without",),
    unverified=("licence", "whether an access key is needed today", "bytes of the archive", "checksums of the tables"),
)
