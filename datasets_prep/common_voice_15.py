"""Common Voice 15: read sentences, given by whoever wanted to, with what the speakers said of themselves."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split, nearest
from datasets_prep.tables import only, read_tsv, stem

RELEASE = "cv-corpus-15.0-2023-09-08"
# Locale: language, bytes, sha256, clips of test, of dev
LOCALES = {
    "en": ("en", 84_926_487_835, "794f4ea6c6bab3731d54cf7ce3d67996cf1ba7c0d92cbd338c36636a9716047a", 16_386, 16_386),
    "zh-CN": ("zh", 22_447_770_171, "468cb3d9d561cb60aaf9d72c1e57b7f206ed497880475ed07f5c373286958f35", 10_625, 10_625),
    "yue": ("yue", 1_707_302_555, "34cd9cac6e6100421cbaadfcda8355c8bb61c7a703aafb98e66a31eb52ea4714", 2565, 2562),
    "zh-HK": ("yue", 3_548_638_507, "1be17fbae0707a4d43c1ad35aeab1469dda071d40b0439e1152e79be54d6accb", 5593, 5593),
    "fr": ("fr", 27_596_946_700, "9ec31dc710142ccf100dcb52c26ebf7350a7777e85e2b53949a9bed765f6b8e2", 16_132, 16_132),
}
GENDERS = ("male", "female")
AGES = ("teens", "twenties", "thirties", "fourties", "fifties", "sixties", "seventies", "eighties", "nineties")
LABELS = {"gender": GENDERS, "age": AGES}
UNASKED = {"gender": ("", "other"), "age": ("",)}
"""Labels whose clips are left out."""
COLUMNS = ("client_id", "path", "sentence")


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the part's table; where a label of the speaker is asked, one a speaker who gave it."""
    ((archive, tree),) = trees.items()
    locale, asked = split.options["locale"], split.options["asked"]
    name = only(tree, f"{locale}/{split.options['part']}.tsv")
    clips = f"{name.rpartition('/')[0]}/clips"
    where = f"{name} in {tree.where}"
    lines = read_tsv(tree, name, (*COLUMNS, asked) if asked in LABELS else COLUMNS)
    for line in _of_speakers(lines, asked, where) if asked in LABELS else (line for _, line in lines):
        path = inside(line["path"], where)
        member = f"{clips}/{path.removesuffix('.mp3')}.mp3"
        yield Row(
            id=stem(member),
            recordings=(Recording(archive, member, member),),
            references=(line[asked],),
            group=line["client_id"],
            fields={"language": LOCALES[locale][0]},
        )


def _of_speakers(lines: Iterator[tuple[int, dict[str, str]]], label: str, where: str) -> Iterator[dict[str, str]]:
    """The first clip of each speaker, by its path, that has a label. Raises CorpusError for one that is not known."""
    labelled = []
    for number, line in lines:
        if line[label] in UNASKED[label]:
            continue
        if line[label] not in LABELS[label]:
            hint = nearest(line[label], list(LABELS[label]))
            raise CorpusError(f"{where}, line {number}: no {label} {line[label]!r}{hint}")
        labelled.append(line)
    speakers: set[str] = set()
    for line in sorted(labelled, key=lambda line: line["path"]):
        if line["client_id"] not in speakers:
            speakers.add(line["client_id"])
            yield line


def _splits(locale: str, test: int, dev: int) -> Iterator[Split]:
    archives = (f"{RELEASE}-{locale}.tar.gz",)
    options = {"locale": locale, "part": "test", "asked": "sentence"}
    yield Split(f"{locale}.test", archives, samples=test, options=options)
    yield Split(f"{locale}.dev", archives, samples=dev, options={**options, "part": "dev"})
    for label, known in LABELS.items():
        yield Split(f"{locale}.{label}", archives, options={**options, "asked": label}, labels=known)


CORPUS = Corpus(
    name="common_voice_15",
    title="Common Voice 15.0 (2023-09-08)",
    tasks=("asr", "gender", "age"),
    languages=tuple(dict.fromkeys(language for language, *_ in LOCALES.values())),
    home="https://commonvoice.mozilla.org/en/datasets",
    licence="CC0-1.0",
    access=Access.agreement,
    citation=(
        "R. Ardila, M. Branson, K. Davis, M. Kohler, J. Meyer, M. Henretty, R. Morais, L. Saunders, F. Tyers, G. "
        "Weber: Common Voice: A massively-multilingual speech corpus. LREC 2020."
    ),
    archives=tuple(
        Archive(
            f"{RELEASE}-{locale}.tar.gz",
            bytes=size,
            sha256=sha256,
            unpacked=(f"{RELEASE}/{locale}",),
            tables=("/test.tsv", "/dev.tsv"),
        )
        for locale, (_, size, sha256, _, _) in LOCALES.items()
    ),
    splits=tuple(split for locale, (_, _, _, test, dev) in LOCALES.items() for split in _splits(locale, test, dev)),
    rows=rows,
    layout=(f"{RELEASE}/<locale>/{{test,dev}}.tsv (client_id, path, sentence, age, gender and more) and clips/<path>"),
    defects=(
        "speakers say their age and gender themselves, and most do not; 'fourties' is the official spelling",
        "the Cantonese set that other evaluations use has as many clips as zh-HK, not yue",
        "yue and zh-HK are in traditional characters",
    ),
    unverified=(
        "samples of the subsets of gender and age",
        "names of the archives",
        "that what is published as their checksum is a sha256",
        "licence",
    ),
)
