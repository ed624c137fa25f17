"""Parse units of measure as answers spell them, and compare quantities in different units.

The spellings are listed, since a library that reads any prefix before any symbol takes "cats" for
centi-technical-atmospheres. The factor between two different listed units comes from pint, which is imported only when
it is needed.
"""

import importlib
import re
from functools import lru_cache
from typing import Any, NamedTuple

_LISTED = """
meter: m meter meters metre metres
kilometer: km kilometer kilometers kilometre kilometres kms
centimeter: cm centimeter centimeters centimetre centimetres cms
millimeter: mm millimeter millimeters millimetre millimetres
micrometer: μm um micrometer micrometers micron microns
nanometer: nm nanometer nanometers
inch: in inch inches
foot: ft foot feet
yard: yd yard yards yds
mile: mi mile miles
light_year: ly lightyear lightyears
second: s sec secs second seconds
minute: min mins minute minutes
hour: h hr hrs hour hours
day: day days
week: week weeks
millisecond: ms millisecond milliseconds
month: month months
year: yr yrs year years
decade: decade decades
century: century centuries
gram: g gram grams gm
kilogram: kg kilogram kilograms kgs kilo kilos
milligram: mg milligram milligrams
microgram: μg microgram
pound: lb lbs pound pounds
ounce: oz ounce ounces
metric_ton: tonne tonnes
ton: ton tons
liter: l L liter liters litre litres
milliliter: ml mL milliliter milliliters millilitre millilitres
gallon: gal gallon gallons
quart: qt quart quarts
pint: pt pint pints
cup: cup cups
tablespoon: tbsp tablespoon tablespoons
teaspoon: tsp teaspoon teaspoons
degree: degree degrees deg °
radian: rad radian radians
degree_Celsius: degC celsius
degree_Fahrenheit: degF fahrenheit
kelvin: K kelvin kelvins
newton: N newton newtons
joule: J joule joules
megajoule: MJ megajoule megajoules
kilowatt_hour: kWh
kilojoule: kJ kilojoule kilojoules
watt: W watt watts
kilowatt: kW kilowatt kilowatts
megawatt: MW megawatt megawatts
milliampere: mA
millivolt: mV
kiloohm: kΩ
gigahertz: GHz
volt: V volt volts
ampere: A amp amps ampere amperes
ohm: Ω ohm ohms
farad: farad farads
coulomb: coulomb coulombs
tesla: tesla
hertz: Hz hertz
kilohertz: kHz
megahertz: MHz
pascal: Pa pascal pascals
kilopascal: kPa
bar: bar
atmosphere: atm
electron_volt: eV
megaelectron_volt: MeV
gigaelectron_volt: GeV
kiloelectron_volt: keV
erg: erg ergs
dyne: dyne dynes
calorie: cal calorie calories
kilocalorie: kcal
mole: mol mole moles
gauss: gauss
parsec: pc parsec parsecs
kiloparsec: kpc
megaparsec: Mpc
astronomical_unit: au AU
angstrom: Å angstrom angstroms
hectare: ha hectare hectares
acre: acre acres
mile/hour: mph
kilometer/hour: kph kmh
bit: bit bits
byte: byte bytes
kilobyte: kB KB
megabyte: MB
gigabyte: GB
knot: knot knots
percent: % percent percents percentage pct prozent процент процента процентов
usd: $ usd USD dollar dollars buck bucks
cent: cent cents ¢
eur: € eur EUR euro euros
gbp: £ gbp GBP
jpy: yen JPY
inr: ₹ rupee rupees Rs INR
cny: yuan rmb RMB CNY 元
krw: won KRW 원
"""
NAMES: dict[str, str] = {
    spelling: name
    for name, _, rest in (line.partition(": ") for line in _LISTED.strip().splitlines())
    for spelling in rest.split()
}
_MONEY = {"usd", "cent", "eur", "gbp", "jpy", "inr", "cny", "krw"}
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_TOLERANCE = 1e-9  # relative difference of equal quantities; factors between units are floats


class Unit(NamedTuple):
    """A product of powers of listed units, or of words that name what is counted."""

    factors: tuple[tuple[str, int], ...]  # sorted
    known: bool  # whether every factor is a listed unit

    @property
    def symbol(self) -> str:
        """Return the unit as pint reads it."""
        return " * ".join(f"({name}) ** {power}" for name, power in self.factors)


def conversion_factor(source: Unit, target: Unit) -> float | None:
    """Return how many of `target` one of `source` is; None where that cannot be said.

    It cannot where they measure unlike things, or where their zero points differ (temperatures).
    """
    if source == target:
        return 1.0
    if not (source.known and target.known):
        return None
    return _compute_factor(source, target)


def describe_dimension(unit: Unit) -> str:
    """Return what a listed unit measures, as a text that is equal for units that can be converted into each other."""
    if any(name in _MONEY or name == "percent" for name, _ in unit.factors):
        return unit.symbol.replace("cent", "usd") if ("percent", 1) not in unit.factors else "percent"
    return str(_load_pint().Unit(unit.symbol).dimensionality)


@lru_cache(4096)
def _compute_factor(source: Unit, target: Unit) -> float | None:
    money, target_money = _as_money(source), _as_money(target)
    if money is not None or target_money is not None:
        return money[1] / target_money[1] if money and target_money and money[0] == target_money[0] else None
    if any(name == "percent" or name.startswith("degree_") for name, _ in (*source.factors, *target.factors)):
        return None
    registry = _load_pint()
    left, right = registry.Unit(source.symbol), registry.Unit(target.symbol)
    return (
        float(registry.Quantity(1.0, left).to(right).magnitude) if left.dimensionality == right.dimensionality else None
    )


def _as_money(unit: Unit) -> tuple[Unit, float] | None:
    """Return a unit with cents as hundredths of dollars, and the factor; None where it is not money."""
    if not any(name in _MONEY for name, _ in unit.factors):
        return None
    factor = 1.0
    for name, power in unit.factors:
        factor *= 0.01**power if name == "cent" else 1.0
    return Unit(tuple(sorted(("usd" if name == "cent" else name, power) for name, power in unit.factors)), True), factor


def is_close(value: float, other: float) -> bool:
    """Return whether two converted values are equal."""
    return abs(value - other) <= _TOLERANCE * max(abs(value), abs(other))


@lru_cache(1)
def _load_pint() -> Any:
    return importlib.import_module("pint").UnitRegistry(cache_folder=None)


_TOKEN = re.compile(r"\^\{?\s*(-?\d)\s*\}?|((?:[^\W\d_]|[°$€£₹¢%])+(?:\.(?=\s|$))?)|(\\cdot|\\times|[*·.])|(/)|\s+")
_POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_TAKES_BACK = frozenset(
    [
        "or",
        "plus",
        "minus",
        "maybe",
        "perhaps",
        "possibly",
        "probably",
        "wrong",
        "incorrect",
        "false",
        "unless",
        "otherwise",
    ]
)
_CHANGES = """
not no is isn't half halves third thirds negative factorial doubled halved tripled least most pi approximately
roughly divided mod modulo choose if ish
zero one two three four five six seven eight nine ten eleven twelve
"""
_NO_FIRST = frozenset(_CHANGES.split())  # words that change a value next to them, or name another one
_LINKS = {"of", "the", "a", "an", "in", "total", "each", "about"}


@lru_cache(8192)
def read_unit(text: str) -> Unit | None:
    """Parse a unit ("km/h", "m s^{-2}"), or the words that are counted ("red apples"); None for anything else.

    >>> read_unit("cm^2") == read_unit("square centimeters"), read_unit("m/s^2").factors, read_unit("12 apples")
    (True, (('meter', 1), ('second', -2)), None)
    """
    factors: list[tuple[str, int]] = []
    position, sign, power, words = 0, 1, 1, []
    bare = re.sub(
        r"\bper\s*cent\b",
        "percent",
        text.replace("\\%", "%")
        .replace("\\$", "$")
        .replace("\\circ", "°")
        .replace("\\Omega", "Ω")
        .replace("^{°}", "°")
        .replace("^°", "°"),
    )
    bare = re.sub(r"(?:°|deg(?:rees?)?\.?)\s*(C|F)(?:elsius|ahrenheit)?\b", r"deg\1", bare).strip()
    while position < len(bare):
        token = _TOKEN.match(bare, position)
        if token is None:
            return None
        position = token.end()
        if token[1]:
            if not factors:
                return None
            name, old_power = factors.pop()
            factors.append((name, old_power * int(token[1])))
        elif token[4]:
            sign = -1
        elif token[2]:
            word = token[2].rstrip(".")
            if word.lower() in _TAKES_BACK or (not factors and word.lower() in _NO_FIRST):
                return None
            if word == "per":
                sign = -1
            elif factors and word.lower() in _LINKS:
                continue
            elif word.lower() in _POWERS and word.lower() in ("squared", "cubed") and factors:
                factors[-1] = (factors[-1][0], factors[-1][1] * _POWERS[word.lower()])
            elif word.lower() in _POWERS:
                power = _POWERS[word.lower()]
            else:
                words.append(word)
                factors.append(
                    (
                        NAMES.get(word) or NAMES.get(word.lower() if len(word) > 2 else word) or f"?{word.lower()}",
                        sign * power,
                    )
                )
                power = 1
    return _combine_factors(factors, words) if factors else None


def _combine_factors(factors: list[tuple[str, int]], words: list[str]) -> Unit:
    if any(name.startswith("?") for name, _ in factors):
        listed_names = [name for name, _ in factors if not name.startswith("?")]
        counted_words = tuple(sorted((stem_word(word), 1) for word in words if word.lower() not in _LINKS))
        if len(listed_names) == 1 and factors[0][0] == listed_names[0]:
            return Unit((factors[0],), True)  # "5 dollars a head", "3 hours later"
        return Unit(counted_words, False)
    powers: dict[str, int] = {}
    for name, power in factors:
        powers[name] = powers.get(name, 0) + power
    return Unit(tuple(sorted((name, power) for name, power in powers.items() if power)), True)


def stem_word(word: str) -> str:
    """Return a counted word without its plural ending.

    >>> stem_word("Apples"), stem_word("boxes"), stem_word("glass")
    ('apple', 'box', 'glass')
    """
    bare = word.lower()
    for ending in ("xes", "ches", "shes", "sses"):
        if bare.endswith(ending):
            return bare[:-2]
    return bare[:-1] if bare.endswith("s") and not bare.endswith("ss") and len(bare) > 3 else bare


_FOLDED = {"%": "percent", "$": "usd"}
_WORDS = re.compile(r"[A-Za-zμΩ]+|[%$€£₹°元]")


@lru_cache(4096)
def find_units(question: str) -> frozenset[str]:
    """Find the listed units that a question names; single letters count only after a number ("5 m")."""
    names: set[str] = set()
    for match in _WORDS.finditer(question):
        word = match.group()
        if (
            len(word) == 1
            and word.isalpha()
            and not re.search(r"\d\s*$", question[max(0, match.start() - 4) : match.start()])
        ):
            continue
        if word == "in" and not re.search(r"\d\s*$", question[max(0, match.start() - 4) : match.start()]):
            continue
        if name := NAMES.get(word) or NAMES.get(word.lower() if len(word) > 2 else ""):
            names.update(part for part in name.split("/"))
            names.add(name)
    return frozenset(names)
