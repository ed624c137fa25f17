"""Read the one value that a phrase or the end of a text names; none where it names several, or rejects one."""

import re
from itertools import pairwise
from typing import NamedTuple

from assay.verifiers.answers.denials import BEHIND, HEDGED, REJECTED, RETRACTED
from assay.verifiers.answers.units import NAMES

_NUMBER = (
    r"[-+−–]?\s?(?:\\?\$|[€£¥₹])?(?:\d{1,3}(?:,\d{3})+(?!\d)"
    r"|\d+)(?:\.\d+)?(?:[eE][-+]?\d+(?![A-Za-z\d]))?(?:\s?/\s?\d+(?!\.?\d))?"
)
_MIXED = r"(?:[-+−–]?\d+\s+\d+/\d+)"
_GLUED = r"(?:(?:cm|mm|km|kg|mg|ml|mL|ft|in|lb|oz|min|hr|hrs|m(?=[²³^]))(?:[²³]|\^[23])?(?![A-Za-z]))"
_VALUE = rf"(?:{_MIXED}|{_NUMBER}|\.\d+)(?:\s?(?:\\?%|°)|{_GLUED})?(?![A-Za-z0-9_^\\]|\s?[(\[{{]\d|:\d)"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?!\d)(?:\s?[ap]\.?m\b\.?)?"
_POWER = r"(?:[-−]?\d+(?:\.\d+)?\s?[x×*·]\s?)?10\s?\^\s?\{?[-−]?\d+\}?"
_PARTS = r"\d+\s(?:hours?|hrs?|minutes?|mins?|days?|weeks?|years?|months?|feet|foot|pounds?|dollars?)"
_PARTS += r"(?:\s?,|\sand)?\s\d+\s(?:minutes?|mins?|seconds?|secs?|hours?|days?|months?|inch(?:es)?|ounces?|cents?)"
_CHAIN = rf"{_VALUE}(?:\s*[-+*/×÷·x=−–^]\s*{_VALUE})*"
_WORKING = re.compile(
    rf"(?>{_CHAIN})(?:\s*[^\W\d_])*"
)  # atomic: 1/2 is one number or two, so a failure would try all readings
_MATH = r"\$\$?[^$]+\$\$?|\\\(.+?\\\)|\\\[.+?\\\]"
_FIRST = r"(?=[-+−–\s\\$€£¥₹\d.])"  # of a chunk: a cheap test that spares most places the search
_CHUNK = re.compile(
    rf"{_FIRST}(?:{_MATH}|(?<![A-Za-z0-9_.,^/\\$)\]}}])(?:{_PARTS}|{_CLOCK}|{_POWER}|{_CHAIN}))", re.DOTALL
)
_ELSE = r"or|and|to|oder|und|bis|ou|et|o|y|e|или|и|أو|या|और|veya|hoặc|và|of|en"  # words between two answers
_OTHERS = re.compile(
    rf"\s*(?:,|;|&|\+|-|–|~|\.\.|…|(?:{_ELSE})\b|或者?|和|か|または|及び|또는|이나|หรือ|या\s|\s)\s*(?:\$|\\[(\[]"
    rf"|[-+−]?\d|\w{{1,2}}\s*=|[a-z](?![^\W\d_])|\((?![a-z]{{3}}))"
)
_LEAD = re.compile(
    r"(?:^|(?<!\d)[:=]|(?<![A-Za-z\\])(?:[^\W\d_]{2,}|[aAI])['’]?\w*[,:]?|[、。，：一-鿿가-힯ぁ-ヿ])[\s\"“‘(\[*`>]*$"
)
_MODIFIED = re.compile(
    r"(?<![A-Za-z])(?:half|third|quarter|twice|double|triple|roots?|square|cube|log|ln|sin|cos|tan|sum"
    r"|product|difference|quotient|multiple|power|factorial|times|plus|multiplied\s+by|divided\s+by"
    r"|than)\s+(?:of\s+|the\s+)*$",
    re.IGNORECASE,
)
_OPERATED = re.compile(
    r"\s*(?:squared|cubed|factorial|more\s+than|less\s+than|fewer|plus|times|minus|divided|multiplied"
    r"|or\s+more|or\s+less|doubled|halved|tripled|or\s+fewer|to\s+the|choose)(?![A-Za-z])",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(r"(?<![A-Za-z])(?:minus|negative)\s+$", re.IGNORECASE)
_UNSURE = re.compile(
    r"(?<![A-Za-z])(?:maybe|perhaps|possibly|probably|might|could|guess|unsure|wrong|incorrect|false"
    r"|otherwise|alternatively|unless)(?![A-Za-z])|可能|也许|\?",
    re.IGNORECASE,
)
_SYSTEM = re.compile(r"=\s*[-−]?\d[\d.]*\$?\s*(?:,|;|and)\s*\$?\w{1,3}\s*=\s*\$?$")  # x = 7, y =
_WORDS_ONLY = re.compile(r"[^\d$\\^_=<>+*/{}\[\]()]*")
_SINGLE = re.compile(r"(?<![\w'’])[b-hj-zB-HJ-Z](?![\w'’.])")
_UNIT_WORDS = re.compile(
    r"\s*((?:(?:square|cubic|sq\.?|cu\.?)\s+)?[^\W\d_]+(?:\s*\^\s*[23]|[²³])?(?:\s*(?:/"
    r"|per)\s*[^\W\d_]+)?(?:\s+per\s+[^\W\d_]+)?)"
)
_SENTENCE = re.compile(r"(?<=[a-z\d$)%*])[.!?](?=\s)|\n")
_LETTERED = re.compile(
    r"(?:option|choice|answer)\s+(?:is\s+)?(?:option\s+)?[*(\\a-z{]*([A-J])(?![A-Za-z])", re.IGNORECASE
)
_NO_UNITS = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "be",
        "of",
        "for",
        "to",
        "per",
        "each",
        "which",
        "that",
        "because",
        "since",
        "as",
        "so",
        "then",
        "the",
        "a",
        "total",
        "left",
        "more",
        "less",
        "in",
        "on",
        "at",
        "by",
        "with",
        "and",
        "or",
        "but",
        "if",
        "when",
    ]
)
_NO_UNITS |= frozenset(["times", "multiplied", "divided", "plus", "minus"])
_LAST_MATH = re.compile(r"\$[^$\n]+\$(?=[^$\d\\]*$)")
_COPULA = re.compile(r"(?<![A-Za-z])(?:is|are|equals|was)(?![A-Za-z])\s*:?")
_MAX_SENTENCES = 12  # from the end of a text, in which a value is searched
_WINDOW_CHARS = 600  # of the end of a sentence, in which its last value is searched first
_MAX_TAIL_CHARS = 6_000  # of the end of a text, in which its last value is searched


class PhraseValue(NamedTuple):
    """A value as written, with its unit, and whether nothing else in its phrase is a number."""

    text: str
    certain: bool


def read_phrase_value(phrase: str) -> PhraseValue | None:
    """Read the value of a phrase that marks an answer: the first one, preceded by nothing but words.

    >>> read_phrase_value("18 dollars in total"), read_phrase_value("18 dollars for 3 days")
    (PhraseValue(text='18 dollars', certain=True), PhraseValue(text='18 dollars', certain=False))
    >>> [read_phrase_value(phrase) for phrase in ("not 5", "3 or 4", "at least 3", "2x + 5")]
    [None, None, None, None]
    """
    match = _CHUNK.search(phrase)
    if match is None:
        return None
    if (
        match.start() > 0
        and (verb := _COPULA.search(phrase, match.end()))
        and _WORDS_ONLY.fullmatch(phrase[match.end() : verb.start()])
    ):
        return None if HEDGED.search(phrase[: verb.start()]) else read_phrase_value(phrase[verb.end() :])
    before, after = phrase[: match.start()], phrase[match.end() :]
    if not _WORDS_ONLY.fullmatch(before) or HEDGED.search(before) or _SINGLE.search(before) or _OTHERS.match(after):
        return None
    if BEHIND.match(after) or RETRACTED.match(after):
        return None
    return _read_value(before, match.group(), after)


def find_value_at_end(text: str) -> PhraseValue | None:
    """Find the last value of a text, with its unit.

    >>> find_value_at_end("She walked 2 2/3 km."), find_value_at_end("It is not 7.")
    (PhraseValue(text='2 2/3 km', certain=True), None)
    """
    tail = text[-_MAX_TAIL_CHARS:].replace("**", "").replace("⁄", "/").rstrip()
    sentence_ends = [0, *(match.end() for match in _SENTENCE.finditer(tail)), len(tail)]
    last_match, begin = None, 0
    for begin, end in reversed(list(pairwise(sentence_ends))[-_MAX_SENTENCES:]):
        last_match = _find_last_chunk(tail, begin, end)
        last_match = _LAST_MATH.search(tail, begin, end) or last_match
        if last_match is not None:
            break
    if last_match is None:
        return None
    before = tail[max(begin, last_match.start() - 400) : last_match.start()]
    rival = re.search(
        r"(?:[\d$)%]|\d\s[^\W\d_]+)\s*(?:,|;|and|or|&|to|plus|minus|times|bis|hasta|até|до|tot|[~～]|或|和|到|至|から|부터)\s*$",
        before,
    ) or REJECTED.match(tail, last_match.end())
    rival = rival or BEHIND.match(tail, last_match.end())
    if HEDGED.search(before[-40:]) or not _LEAD.search(before) or rival:
        return None
    value = _read_value(before, last_match.group(), _take_sentence_rest(tail[last_match.end() :]))
    return value._replace(certain=False) if value and _SYSTEM.search(before) else value


def _find_last_chunk(text: str, begin: int, end: int) -> re.Match[str] | None:
    """Find the last value of a part of a text; near its end first, since a long part takes long."""
    window = max(begin, end - _WINDOW_CHARS)
    last_match = None
    for match in _CHUNK.finditer(text, window, end):
        last_match = match
    if window == begin or (last_match is not None and last_match.start() > window + _WINDOW_CHARS // 2):
        return last_match
    for match in _CHUNK.finditer(text, begin, end):
        last_match = match
    return last_match


def _take_sentence_rest(rest: str) -> str:
    """Return the rest of a value's sentence, with its final mark where that is a question mark."""
    end = _SENTENCE.search(rest)
    return rest if end is None else rest[: end.end() if end[0] == "?" else end.start()]


def take_last_side(chunk: str) -> str:
    """Return the side after the last equals sign of plain working; "" where there is none."""
    return chunk.rpartition("=")[2].strip() if "=" in chunk and _WORKING.fullmatch(chunk) else ""


def find_letter_at_end(text: str) -> str:
    """Return the letter of the last "option (D)" of a text; "" where there is none."""
    letters = _LETTERED.findall(text[-_MAX_TAIL_CHARS:])
    return letters[-1].upper() if letters else ""


def _read_value(before: str, chunk: str, after: str) -> PhraseValue | None:
    """Return a value with the unit after it; None where words change the value.

    It is uncertain where what follows holds another number, or rejects it.
    """
    if _MODIFIED.search(before) or _OPERATED.match(after):
        return None
    value = chunk.strip("$").strip() if chunk.startswith("$") and chunk.endswith("$") else chunk
    value = re.sub(r"^\\[(\[]|\\[)\]]$", "", value).strip()
    if _NEGATIVE.search(before):
        value = f"-{value}"
    unit = _UNIT_WORDS.match(after)
    words = (
        unit[1]
        if unit and (unit[1].isascii() or unit[1] in NAMES) and unit[1].split()[0].lower() not in _NO_UNITS
        else ""
    )
    certain = (
        _WORDS_ONLY.fullmatch(re.sub(r"\(([^\W\d_ ][^()\d]*)\)|[*.)\]]+", "", after)) is not None
        and not HEDGED.search(after)
        and not _UNSURE.search(before + after)
    )
    return PhraseValue(f"{value} {words}".strip(), certain)
