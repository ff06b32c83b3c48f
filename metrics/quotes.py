"""The quoted part of an answer such as `The person says: "Hello."`."""

import re

# What may close each opening mark; German and Swedish openings close with what opens or closes elsewhere.
_CLOSERS = {'"': '"', "＂": "＂", "“": '”"', "„": '“”"', "‟": "”", "«": "»", "»": "«", "‹": "›", "「": "」", "『": "』"}
_OPENING = re.compile(rf"(?<!\d)[{''.join(_CLOSERS)}]")  # 5" is five inches
# A single mark is mostly an apostrophe: it opens a quotation only at the very start or right after a lead-in.
_SINGLE_OPENING = re.compile(r"(?:^\s*|[:：,]\s*|\b(?:says?|said|saying|is|reads?|transcri\w+)\s+)(['‘])(?=\S)")
_SINGLE_CLOSING = re.compile(r"(?<=\S)['’](?!\w)")
# First words that lead into what was said: they speak of the recording or of the task, as no transcript begins.
_SUBJECT = r"(?:person|speaker|(?:\w+\s+)?(?:audio|speech|recording|transcript|transcription|translation))"
_LEAD_IN = re.compile(
    rf"\s*(?:sure[,.!]\s+)?(?:here\s+is\s+|here's\s+)?(?:(?:the|this)\s+)?{_SUBJECT}\b"
    rf"(?:[^\n:{''.join(_CLOSERS)}]{{0,60}}:|(?:\s+\w+){{0,6}}\s+(?:says|said|is|reads),?)\s*(?=[{''.join(_CLOSERS)}'‘])",
    re.IGNORECASE,
)
_TRAILING = " \t\r\n.,!?;:。，！？；："


def quoted(text: str) -> str:
    """From the first opening mark to its last closing one, without the blanks at the ends; inner marks are kept.

    A mark that opens and is never closed (an answer that was cut) gives the rest. Without quotation marks the text is
    returned unchanged. Single marks count only where they clearly enclose: `says: 'I don't know'` -> `I don't know`.
    """
    double = _OPENING.search(text)
    single = _SINGLE_OPENING.search(text)
    if single and (double is None or single.start(1) < double.start()):
        inside = _single(text, single.end(1), after_colon=text[: single.start(1)].rstrip().endswith((":", "：")))
        if inside is not None:
            return inside
    if double is None:
        return text
    mark, opened = double[0], double.end()
    closed = max(text.rfind(closer, opened) for closer in _CLOSERS[mark])
    if closed < 0 or (_unbalanced(text, mark) and text[closed + 1 :].strip(_TRAILING)):
        return text[opened:].strip()
    return text[opened:closed].strip()


def reported(text: str) -> str:
    """The quotation that an answer consists of after its lead-in (`The person says: "…".`), else the text unchanged.

    Unlike `quoted` it leaves a transcript alone that quotes somebody: `"Yes," he said.`, `The captain said: "Go."`
    """
    if not _LEAD_IN.match(text):
        return text
    inside = quoted(text)
    after = text[text.rfind(inside) + len(inside) :]
    return text if any(sign.isalnum() for sign in after) else inside


def _unbalanced(text: str, mark: str) -> bool:
    """Whether more quotations open than close."""
    if mark in _CLOSERS[mark]:
        return text.count(mark) % 2 == 1
    return text.count(mark) > sum(text.count(closer) for closer in _CLOSERS[mark])


def _single(text: str, opened: int, after_colon: bool) -> str | None:
    """What single marks enclose: up to one at the text's end; after a colon also up to one inside, or a cut end."""
    rest = text[opened:].rstrip(_TRAILING)
    if rest.endswith(("'", "’")):
        return rest[:-1].strip()
    if not after_colon:
        return None
    closings = [closing.start() for closing in _SINGLE_CLOSING.finditer(text, opened)]
    return text[opened : closings[-1] if closings else len(text)].strip()
