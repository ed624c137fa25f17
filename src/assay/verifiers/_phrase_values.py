"""The one value that a phrase or the end of a text stands for; none where it names several, or says what the answer is not."""

import re
from itertools import pairwise
from typing import NamedTuple

_NUMBER = r"[-+−–]?\s?(?:\\?\$|[€£¥₹])?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d+(?![A-Za-z\d]))?(?:\s?/\s?\d+(?!\.?\d))?"
_MIXED = r"(?:[-+−–]?\d+\s+\d+/\d+)"
_GLUED = r"(?:(?:cm|mm|km|kg|mg|ml|mL|ft|in|lb|oz|min|hr|hrs|m(?=[²³^]))(?:[²³]|\^[23])?(?![A-Za-z]))"
_VALUE = rf"(?:{_MIXED}|{_NUMBER}|\.\d+)(?:\s?(?:\\?%|°)|{_GLUED})?(?![A-Za-z0-9_^\\]|\s?[(\[{{]\d|:\d)"
_CHAIN = rf"{_VALUE}(?:\s*[-+*/×÷·x=−–^]\s*{_VALUE})*"
_MATH = r"\$\$?[^$]+\$\$?|\\\(.+?\\\)|\\\[.+?\\\]"
_CHUNK = re.compile(rf"{_MATH}|(?<![A-Za-z0-9_.,^/\\$)\]}}])(?:{_CHAIN})", re.DOTALL)
_HEDGE = r"not|no|never|cannot|isn't|isnt|aren't|at\s+least|at\s+most|more\s+than|less\s+than|fewer\s+than|greater\s+than|over|under|up\s+to|between|either|neither|nor|minimum|maximum|instead\s+of|rather\s+than|unlike"
_HEDGED = re.compile(rf"(?<![A-Za-z])(?:{_HEDGE}|or|from)(?![A-Za-z])|n't|[±<>≤≥]|\\(?:leq?|geq?|pm|neq?)(?![a-z])", re.IGNORECASE)
_OTHERS = re.compile(r"\s*(?:,|;|&|\+|-|–|~|\.\.|…|or\b|and\b|to\b|或|和|\s)\s*(?:\$|\\[(\[]|[-+−]?\d|\w{1,2}\s*=|[a-z](?![a-z])|\()")
_WORDS_ONLY = re.compile(r"[^\d$\\^_=<>+*/{}\[\]()]*")
_SINGLE = re.compile(r"(?<![\w'’])[b-hj-zB-HJ-Z](?![\w'’.])")
_UNIT_WORDS = re.compile(r"\s*((?:(?:square|cubic|sq\.?|cu\.?)\s+)?[^\W\d_]+(?:\s*\^\s*[23]|[²³])?(?:\s*(?:/|per)\s*[^\W\d_]+)?(?:\s+per\s+[^\W\d_]+)?)")
_SENTENCE = re.compile(r"(?<=[a-z\d$)%*])[.!?](?=\s)|\n")
_LETTERED = re.compile(r"(?:option|choice|answer)\s+(?:is\s+)?(?:option\s+)?[*(\\a-z{]*([A-J])(?![A-Za-z])", re.IGNORECASE)
_NO_UNITS = frozenset("is are was were be of for to per each which that because since as so then the a total left more less in on at by with and or but if when".split())
_NO_UNITS |= frozenset("times multiplied divided plus minus".split())
_COPULA = re.compile(r"(?<![A-Za-z])(?:is|are|equals|was)(?![A-Za-z])\s*:?")
_SENTENCES = 12  # sentences from the end in which a value is looked for
_LONG = 20_000  # characters of a text's end in which its last value is looked for


class PhraseValue(NamedTuple):
    """A value as written, with its unit, and whether nothing else in its phrase has a number."""

    text: str
    certain: bool


def value_of_phrase(phrase: str) -> PhraseValue | None:
    """The value of a phrase that marks an answer: the first one, behind nothing but words.

    >>> value_of_phrase("18 dollars in total"), value_of_phrase("18 dollars for 3 days")
    (PhraseValue(text='18 dollars', certain=True), PhraseValue(text='18 dollars', certain=False))
    >>> [value_of_phrase(phrase) for phrase in ("not 5", "3 or 4", "at least 3", "2x + 5")]
    [None, None, None, None]
    """
    match = _CHUNK.search(phrase)
    if match is None:
        return None
    if match.start() > 0 and (verb := _COPULA.search(phrase, match.end())) and _WORDS_ONLY.fullmatch(phrase[match.end() : verb.start()]):
        return None if _HEDGED.search(phrase[: verb.start()]) else value_of_phrase(phrase[verb.end() :])
    before, rest = phrase[: match.start()], phrase[match.end() :]
    if not _WORDS_ONLY.fullmatch(before) or _HEDGED.search(before) or _SINGLE.search(before) or _OTHERS.match(rest):
        return None
    return _valued(match.group(), rest)


def value_at_end(text: str) -> PhraseValue | None:
    """The last value of a text, with its unit.

    >>> value_at_end("She walked 2 2/3 km."), value_at_end("It is not 7.")
    (PhraseValue(text='2 2/3 km', certain=True), None)
    """
    tail = text[-_LONG:].replace("**", "").rstrip()
    cuts = [0, *(cut.end() for cut in _SENTENCE.finditer(tail)), len(tail)]
    last, begin = None, 0
    for begin, end in reversed(list(pairwise(cuts))[-_SENTENCES:]):
        for match in _CHUNK.finditer(tail, begin, end):
            last = match
        if last is not None:
            break
    if last is None:
        return None
    before = tail[max(begin, last.start() - 400) : last.start()]
    if _HEDGED.search(before[-40:]) or re.search(r"(?:[-+*/^<>(\[{]|\\\w+)\s*$|(?<![\w'])[b-hj-zB-HJ-Z]\s*$", before):
        return None
    valued = _valued(last.group(), _SENTENCE.split(tail[last.end() :], maxsplit=1)[0])
    beside = re.search(r"[\d$]\s*(?:,|;|and|or|&)\s*$", before)
    return valued._replace(certain=valued.certain and not beside) if valued else None


def last_side(chunk: str) -> str:
    """What stands behind the last sign of equality of plain working, "" where there is none."""
    return chunk.rpartition("=")[2].strip() if "=" in chunk and re.fullmatch(rf"(?:{_CHAIN})(?:\s*[^\W\d_]+)*", chunk) else ""


def letter_at_end(text: str) -> str:
    """The letter of the last "option (D)" of a text, "" where there is none."""
    letters = _LETTERED.findall(text[-_LONG:])
    return letters[-1].upper() if letters else ""


def _valued(chunk: str, rest: str) -> PhraseValue | None:
    """A value with the unit behind it; uncertain where what follows holds another number, or takes it back."""
    value = chunk.strip("$").strip() if chunk.startswith("$") and chunk.endswith("$") else chunk
    value = re.sub(r"^\\[(\[]|\\[)\]]$", "", value).strip()
    unit = _UNIT_WORDS.match(rest)
    words = unit[1] if unit and unit[1].split()[0].lower() not in _NO_UNITS else ""
    certain = _WORDS_ONLY.fullmatch(re.sub(r"[*.)\]]+", "", rest)) is not None and not _HEDGED.search(rest)
    return PhraseValue(f"{value} {words}".strip(), certain)
