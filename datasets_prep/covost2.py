"""CoVoST 2: speech translation on Common Voice 4, from English into 15 languages and from 21 into English."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import read_tsv

BASE = "https://dl.fbaipublicfiles.com/covost"
COMMON_VOICE = "cv-corpus-4-2019-12-10"
FROM_ENGLISH = ("de", "ca", "zh-CN", "fa", "et", "mn", "tr", "ar", "sv-SE", "lv", "sl", "ta", "ja", "id", "cy")
FROM_ENGLISH_SAMPLES = 15_531
# Into English: samples of test, of dev
INTO_ENGLISH = {
    "fr": (14_760, 14_760), "de": (13_511, 13_511), "es": (13_221, 13_221), "ca": (12_730, 12_730),
    "it": (8_951, 8_940), "ru": (6_300, 6_110), "zh-CN": (4_898, 4_843), "pt": (4_023, 3_318), "fa": (3_445, 3_445),
    "et": (1_571, 1_576), "mn": (1_759, 1_761), "nl": (1_699, 1_699), "tr": (1_629, 1_624), "ar": (1_695, 1_758),
    "sv-SE": (1_595, 1_349), "lv": (1_629, 1_125), "sl": (360, 509), "ta": (786, 384), "ja": (684, 635),
    "id": (844, 792), "cy": (690, 690),
}  # fmt: skip
PAIRS = {
    **{("en", target): (FROM_ENGLISH_SAMPLES, FROM_ENGLISH_SAMPLES) for target in FROM_ENGLISH},
    **{(source, "en"): counts for source, counts in INTO_ENGLISH.items()},
}
ESCAPE = "\\"


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the pair's table that Common Voice's ``validated.tsv`` has too, joined by ``path``."""
    source, target, part = (split.options[key] for key in ("source", "target", "part"))
    translations, voices = (trees[name] for name in split.archives)
    home = _home(voices)
    clips = {name.removeprefix(f"{home}clips/") for name in voices.names if name.startswith(f"{home}clips/")}
    for line in _lines(translations, f"covost_v2.{source}_{target}", part, voices, home):
        name = inside(line["path"], translations.where)
        if name not in clips:
            name = next((other for other in (f"{name}.mp3", name.removesuffix(".mp3")) if other in clips), name)
        yield Row(
            id=name.removesuffix(".mp3"),
            recordings=(Recording(split.archives[1], f"{home}clips/{name}", f"clips/{source}/{name}"),),
            references=(line["translation"],),
            group=line["client_id"],
            fields={
                "language": _bare(source),
                "target_language": _bare(target),
                "sentence": line["sentence"],
            },
        )


def _lines(tree: Tree, stem: str, part: str, voices: Tree, home: str) -> Iterator[dict[str, str]]:
    """From the table of the part, where there is one (path, sentence, translation, client_id); else from the pair's
    (path, translation, split), joined as its publishers' script does: what Common Voice lacks is left out."""
    names = {PurePosixPath(name).name: name for name in tree.names}
    if f"{stem}.{part}.tsv" in names:
        wanted = ("path", "sentence", "translation", "client_id")
        yield from (line for _, line in read_tsv(tree, names[f"{stem}.{part}.tsv"], wanted, ESCAPE))
        return
    if f"{stem}.tsv" not in names:
        raise CorpusError(f"{tree.where} holds neither {stem}.tsv nor {stem}.{part}.tsv")
    lines = [line for _, line in read_tsv(tree, names[f"{stem}.tsv"], ("path", "translation", "split"), ESCAPE)]
    translated = [line for line in lines if line["split"] == part]
    wanted_paths = {_stem(line) for line in translated}
    known: dict[str, dict[str, str]] = {}
    for number, line in read_tsv(voices, f"{home}validated.tsv", ("path", "sentence", "client_id"), ESCAPE):
        if _stem(line) in known:
            raise CorpusError(f"validated.tsv of {voices.where}, line {number}: {line['path']} stands there twice")
        if _stem(line) in wanted_paths:
            known[_stem(line)] = line
    yield from (line | known[_stem(line)] for line in translated if _stem(line) in known)


def _stem(line: dict[str, str]) -> str:
    """A row's clip, whether or not its path ends in .mp3: releases of Common Voice differ in that."""
    return line["path"].removesuffix(".mp3")


def _home(voices: Tree) -> str:
    """What stands before ``clips/`` and ``validated.tsv``: nothing in Common Voice 4, release/locale/ in later ones."""
    for name in voices.names:
        parts = PurePosixPath(name).parts
        if parts[-1] == "validated.tsv" or "clips" in parts[:-1]:
            return "".join(
                f"{part}/" for part in (parts[:-1] if parts[-1] == "validated.tsv" else parts[: parts.index("clips")])
            )
    raise CorpusError(f"{voices.where} holds neither clips/ nor validated.tsv")


def _bare(locale: str) -> str:
    """``zh`` of ``zh-CN``."""
    return locale.partition("-")[0]


@cache
def _archives() -> tuple[Archive, ...]:
    tables = (
        Archive(
            name=f"covost_v2.{source}_{target}.tsv.tar.gz",
            url=f"{BASE}/covost_v2.{source}_{target}.tsv.tar.gz",
            tables=(".tsv",),
        )
        for source, target in PAIRS
    )
    voices = (
        Archive(
            name=f"{locale}.tar.gz",
            also=(f"{COMMON_VOICE}/{locale}.tar.gz", f"{COMMON_VOICE}-{locale}.tar.gz"),
            unpacked=(f"{COMMON_VOICE}/{locale}",),
            tables=("validated.tsv",),
        )
        for locale in ("en", *INTO_ENGLISH)
    )
    return (*tables, *voices)


CORPUS = Corpus(
    name="covost2",
    title="CoVoST 2, on Common Voice 4",
    tasks=("s2tt",),
    languages=tuple(dict.fromkeys(_bare(locale) for pair in PAIRS for locale in pair)),
    home="https://github.com/facebookresearch/covost",
    licence="CC0-1.0 (its repository; a card on the hub says CC BY-NC 4.0)",
    access=Access.agreement,
    citation="C. Wang, A. Wu, J. Pino: CoVoST 2 and massively multilingual speech-to-text translation. 2020.",
    archives=_archives(),
    splits=tuple(
        Split(
            name=f"{source}_{target}.{part}",
            archives=(f"covost_v2.{source}_{target}.tsv.tar.gz", f"{source}.tar.gz"),
            samples=count,
            loose=tuple(f"covost_v2.{source}_{target}{which}.tsv" for which in (f".{part}", "")),
            options={"source": source, "target": target, "part": part},
        )
        for (source, target), counts in PAIRS.items()
        for part, count in zip(("test", "dev"), counts, strict=True)
    ),
    rows=rows,
    layout=(
        "covost_v2.<source>_<target>.tsv (path, translation, split), joined by path to validated.tsv of Common Voice 4 "
        f"({COMMON_VOICE}/<locale>), with clips/<path>; or the tables that get_covost_splits.py writes"
    ),
    defects=("Common Voice 4 is no longer on its publishers' download page: keep the archive",),
    unverified=("checksums", "hours of each split", "names of Common Voice 4's archives (<locale>.tar.gz)"),
)
