"""Amounts in prose as numbers with one word for their unit: eighteen is 18, $700 is 700 dollars, ft is foot."""

import re
from fractions import Fraction

_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = (
    {"zero": 0}
    | {word: at for at, word in enumerate(_ONES + _TEENS, 1)}
    | {word: 10 * at for at, word in enumerate(_TENS, 2)}
    | {"fourty": 40}
)
_SCALE = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {
    "half": 2,
    "halves": 2,
    "third": 3,
    "thirds": 3,
    "quarter": 4,
    "quarters": 4,
    "fourth": 4,
    "fourths": 4,
    "fifth": 5,
    "fifths": 5,
}
_PARTS |= {
    "sixth": 6,
    "sixths": 6,
    "seventh": 7,
    "sevenths": 7,
    "eighth": 8,
    "eighths": 8,
    "ninth": 9,
    "ninths": 9,
    "tenth": 10,
    "tenths": 10,
}
_CASES = frozenset(form for word in (*_SMALL, *_SCALE) for form in (word, word.capitalize(), word.upper()))
_SCALE_CASES = frozenset(form for word in _SCALE for form in (word, word.capitalize(), word.upper()))
_DIGIT = re.compile(r"\d")
_ALPHA = re.compile("[A-Za-z]{3,}")
_SPLIT = re.compile(r"(\W+)")
_MONEY = re.compile(r"(?:\\?([$€£¥₹])|\\dollar) ?(\d+(?:\.\d+)?)")
# the same without a backslash: it begins with one set of signs, which is fast
_BARE_MONEY = re.compile(r"([$€£¥₹]) ?(\d+(?:\.\d+)?)")
_CODES = re.compile(r"(\d) ?(USD|EUR|GBP|¢|\\?%|°(?: ?[CF]\b)?|per ?cent)")
_COINS = {
    "$": "dollars",
    "€": "euros",
    "£": "pounds",
    "¥": "yen",
    "₹": "rupees",
    "USD": "dollars",
    "EUR": "euros",
    "GBP": "pounds",
    "¢": "cents",
}
_MARKS = frozenset("$€£¥₹")
_GLUED = re.compile(r"(?<![\w.,/:])(\d+(?:\.\d+)?)(?=[A-Za-z]{1,7}\b)(?!(?:st|nd|rd|th|D|d)\b)")
_TOUCHING = re.compile(r"\d[A-Za-z]")
# what the next three patterns change
_BESIDE = re.compile(r"\d(?:[A-Za-z¢%°]| ?(?:USD|EUR|GBP|[¢%°\\]|per ?cent)| [mglLsh]\b)")
_METRE = re.compile(r"(\d) (m|g|l|L|s|h)\b(?! ?[=<>+*/^])")
_LETTERS = {"m": "meters", "g": "grams", "l": "liters", "L": "liters", "s": "seconds", "h": "hours"}

_UNIT_GROUPS = """
foot feet ft|inch inches|yard yards yd yds|mile miles mi|millimeter millimeters millimetre millimetres
mm|centimeter centimeters centimetre centimetres cm|decimeter decimeters dm|meter meters metre metres|kilometer
kilometers kilometre kilometres km kms|milligram milligrams mg| gram grams gm|kilogram kilograms kg kgs|ton
tons|tonne tonnes|ounce ounces oz|pound pounds lb lbs|milliliter milliliters millilitre millilitres ml| liter
liters litre litres|cup cups|pint pints|quart quarts|gallon gallons gal|second seconds sec secs|minute minutes
min mins|hour hours hr hrs| day days|week weeks|month months|year years yr yrs|cent cents|dollar dollars|euro
euros|penny pennies|percent percentage|degree degrees deg| radian radians|square sq|cubic cu|acre acres|hectare
hectares|decade decades|fahrenheit|celsius|1st first|3rd third|4th fourth|5th fifth|6th sixth| 7th seventh|8th
eighth|9th ninth|10th tenth
"""
UNIT = {word: group.split()[0] for group in _UNIT_GROUPS.split("|") for word in group.split()}


def normalize_quantities(text: str) -> str:
    """Prose with number words as digits, prices and percentages as numbers with a word, and units set apart.

    It reads whole numbers in words up to trillions, also with digits before them ("3 million"), and simple fractions
    ("two thirds"). Words that are not amounts by themselves stay: ordinals, dozens, half.

    >>> normalize_quantities("Twenty-five ducks cost $700, half of it in two hundred and six coins; 5kg at 30%.")
    '25 ducks cost 700 dollars, half of it in 206 coins; 5 kg at 30 percent.'
    >>> normalize_quantities("3 million people, two thirds of them")
    '3000000 people, 2/3 of them'
    """
    result = _words_to_digits(text)
    if not _DIGIT.search(result):
        return result
    if not _MARKS.isdisjoint(result) or "\\dollar" in result:
        money = _MONEY if "\\" in result else _BARE_MONEY
        result = money.sub(lambda match: f"{match[2]} {_COINS[match[1] or '$']}", result.replace("US$", "$"))
    if not _BESIDE.search(result):
        return result
    result = _CODES.sub(lambda match: f"{match[1]} {_unit_word(match[2])}", result)
    if _TOUCHING.search(result):
        result = _GLUED.sub(r"\1 ", result)
    return _METRE.sub(lambda match: f"{match[1]} {_LETTERS[match[2]]}", result)


def _unit_word(code: str) -> str:
    """The word for a currency code, degrees with their scale, or a percent sign."""
    if code[0] == "°":
        return "degrees" + {"C": " celsius", "F": " fahrenheit"}.get(code[-1], "")
    return _COINS.get(code) or "percent"


def _words_to_digits(text: str) -> str:
    """The text with its number words as digits; only the part from the first of them on is split."""
    first = next((match for match in _ALPHA.finditer(text) if match[0] in _CASES), None)
    if first is None:
        return text
    start_of_word = first.start()
    glued = start_of_word > 0 and (text[start_of_word - 1].isalnum() or text[start_of_word - 1] == "_")
    start = 0 if glued or first[0] in _SCALE_CASES else start_of_word
    return text[:start] + _digits(_SPLIT.split(text[start:]))


def _digits(parts: list[str]) -> str:
    """One text from words and separators in turn, with its number words as digits."""
    pieces, position, scaled = list[str](), 0, not _SCALE_CASES.isdisjoint(parts)
    for start in [i for i in range(0, len(parts), 2) if parts[i] in _CASES or (scaled and parts[i][:1].isdigit())]:
        if start < position:
            continue
        value, after = _number(parts, start)
        if value:
            pieces += [*parts[position:start], value]
            position = after + 1
    return "".join([*pieces, *parts[position:]])


def _number(parts: list[str], position: int) -> tuple[str, int]:
    """The number that begins at a word, as digits, and the index of its last word; ("", position) if there is none."""
    total, group, last, least, after = 0, 0, "", 10**18, position
    if parts[position][0].isdigit():
        return _scaled_number(parts, position)
    while after < len(parts):
        word = parts[after].casefold()
        if word in _SMALL and (
            not last or last in _SCALE or (last in _TENS and word in _ONES and parts[after - 1] in " -")
        ):
            group += _SMALL[word]
        elif word == "hundred" and 0 < group < 20:
            group *= 100
        elif word in _SCALE and word != "hundred" and group and _SCALE[word] < least:
            total, group, least = total + group * _SCALE[word], 0, _SCALE[word]
        else:
            break
        last, end = word, after
        skip = (
            after + 4
            if word in _SCALE
            and after + 4 < len(parts)
            and parts[after + 2] == "and"
            and parts[after + 4].casefold() in _SMALL
            else after + 2
        )
        if skip >= len(parts) or any(parts[between] not in (" ", "-") for between in range(after + 1, skip, 2)):
            break
        after = skip
    if not last:
        return "", position
    below = (
        _PARTS.get(parts[end + 2].casefold(), 0)
        if end + 2 < len(parts) and parts[end + 1] in (" ", "-") and last not in _SCALE
        else 0
    )
    if below and not (end + 4 < len(parts) and parts[end + 4] in ("grade", "graders", "place", "day", "one", "term")):
        return f"{total + group}/{below}", end + 2
    return str(total + group), end


def _scaled_number(parts: list[str], position: int) -> tuple[str, int]:
    """Digits before a scale: 3 million, 2.5 thousand."""
    whole, end = parts[position], position
    if position + 2 < len(parts) and parts[position + 1] == "." and parts[position + 2].isdigit():
        whole, end = f"{whole}.{parts[position + 2]}", position + 2
    if (
        end + 2 >= len(parts)
        or parts[end + 1] not in (" ", "-")
        or (scale := _SCALE.get(parts[end + 2].casefold())) is None
    ):
        return "", position
    try:
        value = Fraction(whole) * scale
    except ValueError:
        return "", position
    return (str(value), end + 2) if value.denominator == 1 and len(whole) < 16 else ("", position)
