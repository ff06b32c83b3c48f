"""ESC-50: 2,000 environmental sounds of five seconds, 50 classes, five folds."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.records import needed
from datasets_prep.tables import only, read_csv, stem

ARCHIVE = "ESC-50-master.zip"
LABELS = (
    "dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow", "rain", "sea_waves",
    "crackling_fire", "crickets", "chirping_birds", "water_drops", "wind", "pouring_water", "toilet_flush",
    "thunderstorm", "crying_baby", "sneezing", "clapping", "breathing", "coughing", "footsteps", "laughing",
    "brushing_teeth", "snoring", "drinking_sipping", "door_wood_knock", "mouse_click", "keyboard_typing",
    "door_wood_creaks", "can_opening", "washing_machine", "vacuum_cleaner", "clock_alarm", "clock_tick",
    "glass_breaking", "helicopter", "chainsaw", "siren", "car_horn", "engine", "train", "church_bells", "airplane",
    "fireworks", "hand_saw",
)  # fmt: skip


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of ``meta/esc50.csv``."""
    tree = trees[ARCHIVE]
    table = only(tree, "meta/esc50.csv")
    home = table.removesuffix("meta/esc50.csv")
    for number, line in read_csv(tree, table, ("filename", "fold", "category", "src_file")):
        where = f"{table}, line {number}"
        member = inside(f"{home}audio/{needed(line['filename'], 'filename', where)}", where)
        yield Row(
            id=stem(member),
            recordings=(Recording(ARCHIVE, member, member),),
            references=(needed(line["category"], "category", where),),
            group=needed(line["src_file"], "src_file", where),
            fields={"fold": needed(line["fold"], "fold", where)},
        )


CORPUS = Corpus(
    name="esc50",
    title="ESC-50",
    tasks=("sec",),
    languages=(),
    home="https://github.com/karolpiczak/ESC-50",
    licence="CC BY-NC 3.0",
    access=Access.open,
    citation="K. J. Piczak: ESC: Dataset for environmental sound classification. ACM Multimedia 2015.",
    archives=(
        Archive(
            ARCHIVE,
            url="https://github.com/karoldvl/ESC-50/archive/master.zip",
            md5="7771e4b9d86d0945acce719c7a59305a",
            also=("master.zip", "ESC-50.zip"),
            unpacked=("ESC-50-master", "ESC-50"),
        ),
    ),
    splits=(Split("all", (ARCHIVE,), samples=2000),),
    rows=rows,
    layout=(
        "ESC-50-master/audio/<fold>-<clip>-<take>-<class>.wav and ESC-50-master/meta/esc50.csv (filename, fold, "
        "target, category, esc10, src_file, take)"
    ),
    labels=LABELS,
    defects=("clips of one source recording are in one fold",),
    unverified=("that GitHub still packs the archive to this checksum (if not: --unofficial)",),
)
