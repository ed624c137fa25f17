"""Read what a short answer says from its form: a quantity, a time, a list, an interval, ...

Nothing here evaluates or compares. To read another form, add a class to `Meaning` and parse it in `_parse_simple` or
`_parse_composite`.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from assay.verifiers.answers.brackets import find_closing, split_outside
from assay.verifiers.answers.dates import DayOfYear, read_day_of_year
from assay.verifiers.answers.numbers import parse_number
from assay.verifiers.answers.plain_text import EDGE, END, TEXT, clean_answer
from assay.verifiers.answers.units import NAMES, SCALES, Unit, read_unit


@dataclass(frozen=True)
class QuantityValue:
    """An expression, and the unit or the counted words after it.

    `loose` is a letter after a blank that may be a unit or a variable.
    """

    latex: str
    unit: Unit | None = None
    loose: Unit | None = None


@dataclass(frozen=True)
class CompoundQuantity:
    """Quantities that are one together: hours and minutes, feet and inches."""

    parts: tuple[QuantityValue, ...]


@dataclass(frozen=True)
class ClockTime:
    """A time of day in minutes; `half` is "a", "p", or "" where it is not said."""

    minutes: int
    half: str


@dataclass(frozen=True)
class ProportionValue:
    """A proportion a : b : c."""

    parts: tuple[str, ...]


@dataclass(frozen=True)
class BasedNumber:
    """Digits, and the base in which they are written."""

    digits: str
    base: int
    prefixed: bool = field(default=False, compare=False)  # whether 0x, 0o or 0b says the base


@dataclass(frozen=True)
class OptionLetter:
    """The letter of an option, and the text after it."""

    letter: str
    rest: str = ""


@dataclass(frozen=True)
class WordAnswer:
    """Words, or adjacent letters that may be a word."""

    text: str
    marked: bool  # whether it was in \\text{}


@dataclass(frozen=True)
class BracketedValues:
    """A tuple or interval, a set, or a vector."""

    left: str
    items: tuple["Meaning", ...]
    right: str


@dataclass(frozen=True)
class ValueList:
    """Several values; `linked` is "or" or "and" where a word says so."""

    items: tuple["Meaning", ...]
    linked: str = ""


@dataclass(frozen=True)
class UnionOfSets:
    """Sets joined by \\cup."""

    parts: tuple["Meaning", ...]


@dataclass(frozen=True)
class RelationChain:
    """Sides with the signs between them: x = 3, 1 < x \\leq 2."""

    sides: tuple[str, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class MatrixValue:
    """A matrix, row by row."""

    rows: tuple[tuple[str, ...], ...]
    determinant: bool
    latex: str


@dataclass(frozen=True)
class UnreadAnswer:
    """An answer of none of the other forms."""

    text: str


Meaning = (
    QuantityValue
    | CompoundQuantity
    | ClockTime
    | DayOfYear
    | ProportionValue
    | BasedNumber
    | OptionLetter
    | WordAnswer
    | BracketedValues
    | ValueList
    | UnionOfSets
    | RelationChain
    | MatrixValue
    | UnreadAnswer
)

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?\s*(?:([ap])\.?\s?m\.?)?|(\d{1,2})\s*([ap])\.?\s?m\.?", re.IGNORECASE)
_BASED = re.compile(
    r"\(?([0-9A-Fa-f]+)\)?\s*(?:_\s*\{?\s*(?:base\s*)?(\w+)\s*\}?|\(?(?:in\s+)?base[\s-]*(\w+)\)?)", re.IGNORECASE
)
_BASES = dict(
    zip(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "sixteen"],
        (*range(2, 13), 16),
        strict=True,
    )
)
_PREFIXED = re.compile(r"0(?:[xX]([0-9A-Fa-f]{1,40})|[oO]([0-7]{1,60})|[bB]([01]{1,200}))")
_NOON = re.compile(r"(?:12(?::00)?\s*(?:o['’]clock\s*)?)?(noon|midday|midnight)", re.IGNORECASE)
_PRIME, _PRIMES = r"(?:['’′]|\^\s*\{?\s*\\prime\s*\}?)", r"(?:[\"”″]|['’′]{2}|\^\s*\{?\s*(?:\\prime\s*){2}\}?)"
# 5'10": the last mark may have been stripped as a quote
_FEET = re.compile(rf"(\d+)\s*{_PRIME}\s*(\d+(?:\.\d+)?)\s*{_PRIMES}?")
_LETTER = re.compile(r"(?:(?:[Oo]ption|[Cc]hoice|选项?)\s*)?(?:\(([A-Ja-j])\)|([A-J])|([A-Ja-j])\))")
_OPTION = re.compile(
    r"(?:option|choice)?\s*(?:\(([A-J])\)|([A-J])[.):])\s*(?=\S)(?![-+=*/^_])(.*)", re.IGNORECASE | re.DOTALL
)
_NAMED_POINT = re.compile(r"\(([K-Z])\)")  # a letter after the usual options counts only in \\text{}
_WORDS = re.compile(r"[A-Za-z][A-Za-z'.\- ]*[A-Za-z][.]?")
_COMMA = re.compile(r"\s*(?:(?<!\d),|,(?!\d{3}(?!\d)))\s*|\s*;\s*")
_ANY_COMMA = re.compile(r"\s*[,;]\s*")
_SEMICOLON = re.compile(r"\s*;\s*")
_LINK = re.compile(
    rf"\s*(?:{TEXT}\s*,?\s*(and|or)\s*{END}"
    rf"|(?<![A-Za-z\\])(and|or)(?![A-Za-z])|\\(?:lor|land|vee|wedge)(?![a-z])|[或和])\s*"
)
_SIGN = re.compile(
    r"\s*(\\leq|\\geq|\\neq|\\approx|\\simeq|\\sim|\\equiv|\\in|\\notin|\\to|\\rightarrow"
    r"|\\mapsto)(?![A-Za-z])\s*|\s*([<>=])\s*"
)
_UNION = re.compile(r"\s*\\cup(?![A-Za-z])\s*")
_MATRIX = re.compile(r"\\begin\{([pbvBV]?matrix|array)\}(?:\{[clr|]+\})?((?:(?!\\begin).)*)\\end\{\1\}", re.DOTALL)
_SYSTEM = re.compile(
    r"(?:\\\{\s*)?\\begin\{(cases|array|aligned)\}(?:\{[clr|]+\})?((?:(?!\\begin).)*)\\end\{\1\}\s*\.?", re.DOTALL
)
_SET_BUILDER = re.compile(
    r"\\?\{\s*[A-Za-z](?:\s*\\in\s*\\mathbb\s*\{?R\}?)?\s*(?:\\mid|\\vert|\||:)(.+?)\\?\}", re.DOTALL
)
_ORDINAL = re.compile(r"(\d+)\s*(?:\^\s*\{?\s*)?(?:st|nd|rd|th)\s*\}?")
_REALS = re.compile(r"\\(?:mathbb|mathbf)?\s*\{?\s*R\s*\}?|ℝ|(?:the set of )?all real(?:s| numbers)", re.IGNORECASE)
_CONDITION = re.compile(
    rf"\s*,?\s*(?:{TEXT}\s*,?\s*(?:for|where|with|if|when|such that)\b[^{END}]*{END}"
    r"|(?<![A-Za-z\\])(?:for all|for any|where)\b|\\forall|\\quad\\text).*$",
    re.DOTALL,
)
_WORD = rf"(?:{TEXT}[^{END}]*{END}|(?<![\\A-Za-z_^{{])[A-Za-zμΩ]{{2,}}\.?(?![A-Za-z_(])|"
# no blanks at the end of these two: what repeats them begins with blanks, and two readings of each blank double the time
_WORD += r"\\%|%|\\\$|[€£元₹]|\^\s*\{?\s*\\circ(?:\s*\})?(?:\s*[CF](?![A-Za-z]))?)"
_POWER = r"(?:\s*\^\s*\{?\s*-?\d(?:\s*\})?)?"
_TAIL = re.compile(
    rf"(?P<value>.*?[\w)}}\].!])\s*(?P<unit>{_WORD}{_POWER}"
    rf"(?:\s*(?:(?:/|\\cdot|\*|-|,)\s*)?(?:{_WORD}|(?<=[/])[a-zA-Z]|(?<=dot )[a-zA-Z]){_POWER})*)\s*",
    re.DOTALL,
)
_BARE_RATE = re.compile(
    r"(?P<value>[\d.,]+(?:\s*\\(?:times|cdot)\s*10\s*\^\s*\{?-?\d+\}?)?)\s+"
    r"(?P<unit>[A-Za-z]{1,3}(?:\s*\^\s*\{?-?\d\}?)?\s*(?:/\s*[A-Za-z]{1,3}(?:\s*\^\s*\{?-?\d\}?)?)+|(?:cm"
    r"|mm|km|ft|in|yd)\s*\^\s*\{?[23]\}?)"
)
_LOOSE = re.compile(
    r"(?P<value>-?(?:[\d.,]+|\\frac\{\d+\}\{\d+\}))\s+(?P<unit>[msghLlNJWKVA])(?P<power>\s*\^\s*\{?[23]\}?)?"
)
_FOREIGN = re.compile(r"(?![μΩ元원])[^\W\d_A-Za-z]")  # a letter of another script is part of a word
_MONEY_SIGN = re.compile(r"(-?)\s*(\\\$|[€£¥₹])\s*(-?[\d.].*)", re.DOTALL)
_MONEY_NAMES = {r"\$": "usd", "€": "eur", "£": "gbp", "¥": "jpy", "₹": "inr"}
_PIECE = re.compile(
    rf"(-?\d[\d.,]*(?:\s\d+/\d+)?)\s*(?:{TEXT}\s*)?([A-Za-z]+)\.?\s*(?:,|and)?\s*{END}?\s*(?:,"
    rf"|(?:{TEXT}\s*)?and\s*{END}?)?\s*"
)
_ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SPOKEN = {word: value for value, word in enumerate(_ONES)} | {word: 10 * value for value, word in enumerate(_TENS, 2)}


@lru_cache(8192)
def read_meaning(raw: str) -> Meaning:
    """Read what an answer says.

    >>> read_meaning("5 \\\\text{ cm}").unit.factors, read_meaning("4:30 p.m."), read_meaning("(1, 2]").right
    ((('centimeter', 1),), ClockTime(minutes=990, half='p'), ']')
    """
    return parse_meaning(clean_answer(raw))


def parse_meaning(bare: str) -> Meaning:
    """Read what a cleaned answer says."""
    plain_text = re.sub(r"\s+", " ", bare.replace(TEXT, " ").replace(END, " ")).strip().rstrip(".")
    if not plain_text:
        return UnreadAnswer(bare)
    return _parse_simple(bare, plain_text) or _parse_composite(bare) or _parse_quantity(bare) or UnreadAnswer(bare)


def _parse_simple(bare: str, plain: str) -> Meaning | None:
    """Parse forms that one pattern decides for the whole text."""
    if parse_number(bare) is not None and not re.search(r"[$€£¥₹]", bare):
        return QuantityValue(bare)
    if match := _CLOCK.fullmatch(plain):
        return _parse_clock(match)
    if match := _NOON.fullmatch(plain):
        return ClockTime(0 if match[1].lower() == "midnight" else 720, "a" if match[1].lower() == "midnight" else "p")
    if match := _FEET.fullmatch(plain):
        return CompoundQuantity(
            (QuantityValue(match[1], read_unit("feet")), QuantityValue(match[2], read_unit("inches")))
        )
    if match := _PREFIXED.fullmatch(plain):
        return BasedNumber((match[1] or match[2] or match[3]).upper(), 16 if match[1] else 8 if match[2] else 2, True)
    if match := _BASED.fullmatch(plain):
        base = match[2] or match[3]
        size = _BASES.get(base.lower()) or (int(base) if base.isdigit() and 2 <= int(base) <= 36 else 0)
        if size and re.search(r"\d", match[1]):
            return BasedNumber(match[1].upper(), size)
    if match := _LETTER.fullmatch(plain):
        return OptionLetter((match[1] or match[2] or match[3]).upper())
    if (match := _OPTION.fullmatch(plain)) and (match[1] or match[2]).isupper():
        rest = (
            bare[max(bare.find(")"), bare.find("."), bare.find(":")) + 1 :]
            if TEXT not in bare
            else plain[match.start(3) :]
        )
        return OptionLetter((match[1] or match[2]), rest.strip(f"{EDGE}{TEXT}{END}"))
    if TEXT in bare and (match := _NAMED_POINT.fullmatch(plain)):
        return OptionLetter(match[1])
    if date := read_day_of_year(plain):
        return date
    if match := _ORDINAL.fullmatch(plain):
        return QuantityValue(match[1], Unit((("th", 1),), False))
    if _REALS.fullmatch(plain):
        return BracketedValues("(", (QuantityValue(r"-\infty"), QuantityValue(r"\infty")), ")")
    if re.fullmatch(r"\d+(?:\.\d+)?(?:\s*:\s*\d+(?:\.\d+)?)+", plain):
        return ProportionValue(tuple(part.strip() for part in plain.split(":")))
    return _parse_words(bare, plain)


def _parse_clock(match: re.Match[str]) -> Meaning:
    hours, minutes = int(match[1] or match[4]), int(match[2] or 0)
    half = (match[3] or match[5] or "").lower()
    if hours > 24 or minutes > 59 or (half and not 1 <= hours <= 12):
        return ProportionValue((str(hours), match[2] or "0"))
    return ClockTime((hours % 12 + 12 * (half == "p") if half else hours) * 60 + minutes, half)


def _parse_words(bare: str, plain: str) -> Meaning | None:
    if not _WORDS.fullmatch(plain) or re.search(r"(?<![A-Za-z])(?:and|or)(?![A-Za-z])", plain) or "," in plain:
        return None
    words = re.split(r"[\s-]+", plain.lower())
    if all(word in _SPOKEN for word in words) and len(words) <= 2:
        values = [_SPOKEN[word] for word in words]
        if len(values) == 1 or (values[0] >= 20 and 0 < values[1] < 10):
            return QuantityValue(str(sum(values)))
    return WordAnswer(plain, TEXT in bare)


def _parse_composite(bare: str) -> Meaning | None:
    """Parse forms made of others: matrices, brackets, lists, unions, relations."""
    if match := _MATRIX.fullmatch(bare):
        rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?", match[2]) if row.strip()]
        return MatrixValue(
            tuple(tuple(cell.strip() for cell in row.split("&")) for row in rows),
            match[1] in ("vmatrix", "Vmatrix"),
            bare,
        )
    if (match := _SYSTEM.fullmatch(bare)) and (system := _parse_system(match[2])):
        return system
    if (match := _SET_BUILDER.fullmatch(bare)) and isinstance(
        condition := parse_meaning(match[1].strip()), RelationChain
    ):
        return condition
    if r"\begin{" in bare:
        inner = bare[1:-1].strip() if bare[0] in "([" and find_closing(bare, 0) == len(bare) else ""
        return _parse_composite(inner) if _MATRIX.fullmatch(inner) else UnreadAnswer(bare)
    if bare.startswith(r"\langle") and bare.endswith(r"\rangle"):
        return _parse_brackets(bare)
    if bare[0] == "]" and bare[-1] in "[]" and "," in bare and (open_ended := _parse_brackets(bare)):
        return open_ended
    if compound := _parse_compound(bare):
        return compound
    groups = [part for part in split_outside(bare, _SEMICOLON) if part.strip()]
    if len(groups) > 1 and all("," in group for group in groups):
        return ValueList(tuple(parse_meaning(group.strip()) for group in groups))
    for pattern in (_COMMA, _LINK):
        parts = split_outside(bare, pattern)
        if len(parts) > 1:
            return _parse_list(bare, [part for part in parts if part.strip()])
    if len(sides := split_outside(bare, _SIGN)) > 1:
        signs = tuple(match[1] or match[2] for match in _SIGN.finditer(_blank_brackets(bare)))
        if len(signs) + 1 != len(sides):  # brackets that do not match hide a sign
            return UnreadAnswer(bare)
        return RelationChain(tuple(side.strip() for side in sides), signs)
    if len(parts := split_outside(bare, _UNION)) > 1:
        return UnionOfSets(tuple(parse_meaning(part) for part in parts))
    return _parse_brackets(bare)


def _parse_system(body: str) -> Meaning | None:
    """Parse the equations of a system, one per row; None where a row is not one."""
    rows = [
        parse_meaning(row.replace("&", "").strip(f" {EDGE}"))
        for row in re.split(r"\\\\(?:\[[^\]]*\])?", body)
        if row.strip()
    ]
    return ValueList(tuple(rows)) if rows and all(isinstance(row, RelationChain) for row in rows) else None


def _parse_list(bare: str, parts: list[str]) -> Meaning:
    link = _LINK.search(bare)
    items: list[Meaning] = []
    for part in parts:
        item = parse_meaning(part.strip(f" {EDGE}"))
        items.extend(item.items if isinstance(item, ValueList) else (item,))
    if not items:
        return UnreadAnswer(bare)
    return ValueList(tuple(items), (link[1] or link[2] or "or") if link else "")


def _blank_brackets(bare: str) -> str:
    """Blank out what stands in brackets, so that only outer signs are found."""
    blanked, position = [], 0
    while position < len(bare):
        end = find_closing(bare, position) if bare[position] in "([{" or bare.startswith(r"\{", position) else -1
        blanked.append("#" if end > 0 else bare[position])
        position = end if end > 0 else position + 1
    return "".join(blanked)


def _parse_brackets(bare: str) -> Meaning | None:
    inner, left, right = "", "", ""
    if bare.startswith(r"\{") and bare.endswith(r"\}") and find_closing(bare, 0) == len(bare):
        inner, left, right = bare[2:-2], "{", "}"
    elif bare.startswith(r"\langle") and bare.endswith(r"\rangle"):
        inner, left, right = bare[7:-7], "<", ">"
    elif bare[0] in "([{" and bare[-1] in ")]}" and find_closing(bare, 0) == len(bare):
        inner, left, right = bare[1:-1], bare[0], bare[-1]
    elif bare[0] == "]" and bare[-1] in "[]" and "," in bare:
        inner, left, right = bare[1:-1], "(", ")" if bare[-1] == "[" else "]"
    if not left:
        return None
    items = [
        part for part in split_outside(inner, _COMMA if re.search(r",\s", inner) else _ANY_COMMA) if part.strip()
    ]  # (20,100) is a pair, no thousands
    if left == "{" and bare[0] == "{":
        return (
            ValueList(tuple(parse_meaning(item) for item in items)) if len(items) > 1 else parse_meaning(inner.strip())
        )
    if len(items) == 1 and left in "([":
        return parse_meaning(inner.strip()) if inner.strip() else None
    return BracketedValues(left, tuple(parse_meaning(item.strip()) for item in items), right)


def _parse_compound(bare: str) -> Meaning | None:
    """Parse two or more quantities that are one: 3 hours 20 minutes."""
    pieces, position = [], 0
    while match := _PIECE.match(bare, position):
        unit = read_unit(match[2])
        if unit is None or not unit.known:
            return None
        pieces.append(QuantityValue(match[1].rstrip(","), unit))
        position = match.end()
    return CompoundQuantity(tuple(pieces)) if len(pieces) > 1 and position == len(bare) else None


def _parse_quantity(bare: str) -> Meaning | None:
    """Parse an expression with or without a unit; None where words stand within it."""
    if _FOREIGN.search(re.sub(f"{TEXT}[^{END}]*{END}", "", bare)):
        return None
    if match := _MONEY_SIGN.fullmatch(bare):
        inner = _parse_quantity(match[3])
        currency = Unit(((_MONEY_NAMES[match[2]], 1),), True)
        if isinstance(inner, QuantityValue) and inner.unit in (None, currency):
            return QuantityValue(match[1] + inner.latex, currency)
    if match := _BARE_RATE.fullmatch(bare):
        unit = read_unit(match["unit"])
        if unit is not None and unit.known:
            return QuantityValue(match["value"], unit)
    if (match := _LOOSE.fullmatch(bare)) and (unit := read_unit(match["unit"] + (match["power"] or ""))):
        return QuantityValue(bare, None, unit)
    match = _TAIL.fullmatch(bare)
    measure = _parse_measure(match["value"], match["unit"]) if match else None
    if measure is not None:
        return measure
    return None if TEXT in bare or re.search(r"(?<![\\A-Za-z])[A-Za-z]{4,}", bare) else QuantityValue(bare)


def _parse_measure(value: str, tail: str) -> Meaning | None:
    words = re.sub(rf"[{TEXT}{END}()]", " ", tail).strip()
    value = value.strip()
    bare_word = TEXT not in tail and re.match(r"[A-Za-z]", words)
    first_letters = re.match(r"[A-Za-zμ]+", words)
    word = first_letters.group() if bare_word and first_letters else ""
    if word and word not in NAMES and word.lower() not in SCALES and (len(word) < 3 or parse_number(value) is None):
        return None  # letters beside an expression are variables
    if not words or (re.search(r"\\(?:sin|cos|tan|cot|sec|csc)", value) and "circ" in tail):
        return None
    scale, _, rest = words.partition(" ")
    factor, scaled = SCALES.get(scale.lower().rstrip("s")), parse_number(value)
    if factor and scaled is not None:
        return QuantityValue(str(scaled.value * factor), read_unit(rest) if rest.strip() else None)
    unit = read_unit(words)
    if unit is None or TEXT in value:
        return None
    inner = parse_meaning(value)
    return QuantityValue(inner.latex, unit) if isinstance(inner, QuantityValue) and inner.unit is None else None


def strip_condition(bare: str) -> str:
    """Strip a condition such as "for all n" from the end of an answer."""
    return _CONDITION.sub("", bare).strip()
