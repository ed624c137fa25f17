"""Protected tokens, which must be equal in two near-duplicates: one changed number or sign makes another problem."""

import re
import unicodedata
from itertools import chain

from assay.maths.text.latex import formulas, pieces
from assay.maths.text.quantities import UNIT, normalize_quantities

SPELLED = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands
million millions billion trillion dozen dozens score first second third fourth fifth sixth seventh eighth ninth
tenth thirds fourths fifths sixths eighths tenths half halves quarter quarters once twice thrice double doubles
doubled triple triples tripled quadruple pair pairs both couple single none nothing
"""
UNITS = """
mm cm dm m km millimeter millimeters centimeter centimeters meter meters metre metres kilometer kilometers
kilometre kilometres inch inches foot feet ft yard yards mile miles mph kph acre acres hectare hectares mg g kg
gram grams kilogram kilograms ton tons tonne tonnes ounce ounces oz pound pounds lb lbs ml cl l liter liters
litre litres cup cups pint pints quart quarts gallon gallons second seconds minute minutes min hour hours hr hrs
day days week weeks month months year years decade decades century weekday weekdays weekend weekends daily
weekly monthly yearly annual annually hourly am pm cent cents dollar dollars euro euros penny pennies nickel
nickels dime dimes percent percentage degree degrees radian radians celsius fahrenheit square squared cubic
cubed sq
"""
OPERATIONS = """
more fewer less greater larger smaller bigger longer shorter taller older younger higher lower faster slower
heavier lighter earlier later most least largest smallest greatest maximum minimum max min highest lowest than
as same equal equals equally exactly different sum difference product quotient remainder total altogether
combined plus minus add adds added subtract subtracts subtracted multiply multiplied times divide divides
divided divisible split splits shared per each every all any some no not never neither nor without except only
other another half rest remaining remain remains left over under above below up down before after until increase
increases increased decrease decreases decreased gain gains gained lose loses lost average mean median mode
range ratio rate proportion fraction factor factors multiple multiples root power exponent odd even prime
composite positive negative integer integers real rational digit digits perimeter area volume surface
circumference radius diameter length width height side sides angle angles sine cosine tangent sin cos tan log
logarithm inverse mod modulo gcd lcm consecutive inclusive exclusive between within or unless large small little
long short who whose distinguishable indistinguishable identical distinct
"""
PUBLISHED = frozenset(f"{SPELLED} {UNITS} {OPERATIONS}".split())
_WORDS = PUBLISHED - frozenset(SPELLED.split())

_TOKEN = re.compile(
    r"\\[A-Za-z]+|\.\d+"  # a command outside of any delimiter; .5 is not 5
    r"|\w+(?:['’]\w+)*(?:[.:]\d+)*"
    r"|(?<=[\w)])!(?=\W|$)(?<![^\W\d_]{2}!)"  # a factorial follows a number, a bracket or one letter; "Wow!" is none
    r"|(?<=\b\w)['’′]+(?!\w)"  # f'(x), 5'
    # A hyphen within a word is not a minus sign.
    r"|-(?!(?<=[^\W\d_]{2}-)[^\W\d_]{2})"
    r"(?!(?<=\d-)(?!sin|cos|tan|log|ln|sqrt|max|min)[^\W\d_]{2})"
    r"|[^\w\s!'’′-]"
)
_INSIDE = re.compile(r"\\[a-zA-Z]+|\d+(?:\.\d+)?|\w|[^\w\s]")
_NUMBERS = re.compile(r"(?<![A-Za-z])\d+(?:[.:]\d+)*(?![A-Za-z])")
_BARE = re.compile(r"(-?\s*)?((?:\\dollar )?\d+(?:\.\d+)?(?: / \d+)?)( [%°])?")  # a formula that is one amount
_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))(?<=\d,)")  # begins with the comma, which is looked for quickly
MAX_PARTS = 1 << 17  # in the cache: some 20 MiB
_SIGNS = frozenset("-*/%‰°·∶!'’′()[]{}\\&#")  # and all of Unicode's mathematical and currency signs


class _Tokens(dict[str, str | None]):
    """Cache of token -> its protected form, or None."""

    def __missing__(self, token: str) -> str | None:
        is_name = token not in ("A", "a", "I", "i") and (len(token) == 1 or token.isupper()) and token.isalpha()
        is_listed = token.casefold() in PUBLISHED or any(character.isnumeric() for character in token)
        is_sign = token[0] in _SIGNS or unicodedata.category(token[0]) in ("Sm", "Sc", "Sk")
        self[token] = (
            token if is_name else UNIT.get(token.casefold(), token.casefold()) if is_listed or is_sign else None
        )
        return self[token]


class _ProtectedByPart(dict[str, tuple[str, ...]]):
    """Cache of part between two blanks -> its protected tokens; no token contains a blank."""

    def __init__(self) -> None:
        super().__init__()
        self.forms = _Tokens()

    def __missing__(self, part: str) -> tuple[str, ...]:
        if len(self) >= MAX_PARTS:
            self.clear()
        tokens = tuple(form for token in _TOKEN.findall(part) if (form := self.forms[token]) is not None)
        self[part] = tokens
        return tokens


def comparison_form(text: str) -> str:
    """The form in which problems are compared: mathematics in one spelling, amounts as a number and a unit.

    See `latex` and `quantities`; `normal_form` removes instructions before. Thousands commas are removed, and a formula
    that is one number becomes part of the prose.

    >>> comparison_form("1,000  apples, $20$ pears")
    '1000 apples, 20 pears'
    """
    parts, prose = list[str](), ""
    for part, is_formula in pieces(text):
        if is_formula and not _BARE.fullmatch(part):
            parts += [normalize_quantities(_THOUSANDS.sub("", prose)), f"${part}$"]
            prose = ""
        else:
            prose += part if not is_formula else part.replace(" / ", "/").replace(" °", "°")
    return "".join([*parts, normalize_quantities(_THOUSANDS.sub("", prose))]).strip()


def protected_tokens(text: str) -> tuple[str, ...]:
    """The protected tokens of a text in `comparison_form`, in their order.

    Protected are tokens with a digit, number words, arithmetic and relation signs, brackets, currency and %, units, the
    comparison and operation words of `PUBLISHED`, single letters except a and I, words in capitals (points and lines:
    AB; words that are spelt), and every token between math delimiters; the last three keep their letter case. A $ opens
    mathematics if no blank follows it, and closes it if no blank stands before it and no digit after it, so "$5 and $6"
    are prices. A hyphen within a word is not a minus sign. A text without protected tokens gives ().

    >>> protected_tokens("Each of 3 cats eats twice as much as Tom's $2.50 dog.")
    ('each', '3', 'twice', 'as', 'as', '$', '2.50')
    >>> protected_tokens("Solve $x^2 - X$ well.")
    ('x', '^', '2', '-', 'X')
    """
    cache = _ProtectedByPart()
    return tuple(_protected_sequence(text, cache))


def protected_tokens_of_all(texts: list[str]) -> list[tuple[str, ...]]:
    """`protected_tokens` of many texts, with one cache for all."""
    cache = _ProtectedByPart()
    return [tuple(_protected_sequence(text, cache)) for text in texts]


def amount_tokens(sequence: tuple[str, ...]) -> tuple[str, ...]:
    """The protected tokens except units and words of comparison and operation: numbers, signs, names and mathematics.

    >>> amount_tokens(("each", "3", "more", "two", "$"))
    ('3', 'two', '$')
    """
    return tuple(token for token in sequence if token not in _WORDS)


def mask_numbers(sequence: tuple[str, ...]) -> tuple[str, ...]:
    """The tokens with # in place of each number.

    >>> mask_numbers(("3", "more", "1/2", "x"))
    ('#', 'more', '#', 'x')
    """
    return tuple("#" if token[0].isdigit() or (token[0] == "." and len(token) > 1) else token for token in sequence)


def replace_numbers(text: str) -> str:
    """A text in `comparison_form` with one word in place of each number.

    >>> replace_numbers("5 apples at 1.50 dollars")
    'n apples at n dollars'
    """
    return _NUMBERS.sub("n", text)


def _protected_sequence(text: str, cache: _ProtectedByPart) -> list[str]:
    tokens, position = list[str](), 0
    for before, start, end, after in formulas(text):
        tokens += _outside(text[position:before], cache)
        tokens += _INSIDE.findall(text[start:end])
        position = after
    return tokens + _outside(text[position:], cache)


def _outside(text: str, cache: _ProtectedByPart) -> list[str]:
    return list(chain.from_iterable(map(cache.__getitem__, text.split())))
