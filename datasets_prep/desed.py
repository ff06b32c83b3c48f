"""DESED, public evaluation: ten seconds of domestic sounds, ten classes, with times."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.members import is_sound
from datasets_prep.records import compact, event, needed
from datasets_prep.tables import only, read_tsv, stem

ARCHIVE = "DESED_public_eval.tar.gz"
TABLE, CLIPS = "metadata/eval/public.tsv", "audio/eval/public"
LABELS = (
    "Alarm_bell_ringing", "Blender", "Cat", "Dishes", "Dog", "Electric_shaver_toothbrush", "Frying", "Running_water",
    "Speech", "Vacuum_cleaner",
)  # fmt: skip
SECONDS = 10.0


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a recording that the table names, with the events of all its lines; one without events has a line without a
    label."""
    table_tree, audio = trees[split.archives[0]], split.archives[-1]
    table = only(table_tree, "public.tsv")
    clips = {stem(n): n for n in sorted(trees[audio].names, key=lambda n: "eval/public/" in n) if is_sound(n)}
    events: dict[str, list[dict[str, object]]] = {}
    for number, line in read_tsv(table_tree, table, ("filename", "onset", "offset", "event_label")):
        where = f"{table}, line {number}"
        found = events.setdefault(needed(line["filename"], "filename", where), [])
        if line["event_label"].strip():
            found.append(event(line["event_label"], line["onset"], line["offset"], LABELS, where))
    for file, found in events.items():
        member = clips.get(stem(file), f"{CLIPS}/{file}")
        yield Row(
            id=stem(file),
            recordings=(Recording(audio, member, member[max(member.find(CLIPS), 0) :]),),
            references=(compact(found),),
            group=stem(file),
            fields={"duration": SECONDS},
        )


PACKED = Corpus(
    name="desed",
    title="DESED, public evaluation set",
    tasks=("sed",),
    languages=(),
    home="https://project.inria.fr/desed/",
    licence="unverified",
    access=Access.open,
    citation=(
        "N. Turpault, R. Serizel, A. Shah, J. Salamon: Sound event detection in domestic environments with weakly "
        "labeled data and soundscape synthesis. DCASE 2019."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url="https://zenodo.org/record/4560759/files/DESED_public_eval.tar.gz?download=1",
            unpacked=("DESED_public_eval", "DESED/dataset", "DESED"),
            tables=(".tsv",),
        ),
    ),
    splits=(Split("public_eval", (ARCHIVE,), samples=692),),
    rows=rows,
    layout=f"{CLIPS}/<film>_<start>_<end>.wav and {TABLE} (filename, onset, offset, event_label), a line an event",
    defects=("events overlap",),
    unverified=("licence", "checksum", "folders of the archive"),
)
CORPUS = replace(
    PACKED,
    copies=(
        replace(  # unpacked into the source itself
            PACKED,
            archives=(Archive(TABLE), Archive(CLIPS, unpacked=(CLIPS,))),
            splits=(Split("public_eval", (TABLE, CLIPS), samples=692),),
        ),
    ),
)
