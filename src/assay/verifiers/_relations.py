"""Equations, inequalities and working: what they say of a name."""

import re
from dataclasses import dataclass
from fractions import Fraction

from assay.verifiers._agreement import NO, YES, NeedsProof, Opinion, all_of
from assay.verifiers._meaning import BracketedValues, Meaning, QuantityValue, RelationChain, UnionOfSets, UnreadAnswer, ValueList, meaning
from assay.verifiers._numbers import Number
from assay.verifiers._plain_text import END, TEXT
from assay.verifiers._quantities import QuantityComparison, plain
from assay.verifiers._symbolic import numeric_value, ratio

_NAME = re.compile(r"[A-Za-z]'?(?:_\{?\w+\}?)?|\\[a-z]+(?:_\{?\w+\}?)?|[A-Z]{2,3}|\|[A-Z]{2}\||[A-Za-z]\s*\(\s*-?[\d.]+\s*\)")


_PROBABILITY = re.compile(
    r"[A-Za-z_{}0-9]+\s*:\s*[A-Za-z_{}0-9]+|\\frac\{[A-Z]{2}\}\{[A-Z]{2}\}"
    r"|[A-Za-z]{1,3}\s*\(\s*[A-Za-z0-9 ,|=]+\s*\)|[A-Z]{3,}|\\angle.*|\\overline\{[A-Z]{2}\}|\\\w+\s+[A-Za-z]+"
)


_VARIABLES = re.compile(r"[a-zA-Z]\([a-z]\)|[A-Za-z](?:_\{?\w+\}?)?|\\(?:alpha|beta|gamma|theta|lambda|phi|omega|sigma)(?:_\{?\w+\}?)?")


_DISTANCE = re.compile(r"\|\s*([A-Za-z])\s*(?:([-+])\s*([\d.,/]+|\\frac\{\d+\}\{\d+\})\s*)?\|")
_TURN = {"<": ">", ">": "<", r"\leq": r"\geq", r"\geq": r"\leq"}


@dataclass(frozen=True)
class RelationComparison(QuantityComparison):
    """Rules for relations."""

    def chains(self, gold: RelationChain, answer: RelationChain) -> Opinion:
        """Two relations: the same value of the same name, the same interval, or the same equation."""
        left, right = assigned_value(gold), assigned_value(answer)
        inside = r"\in" in gold.signs + answer.signs and gold.signs != answer.signs  # x \in (1,2) beside 1 < x < 2
        if left and right and not inside:
            if bare_name(left[0]) == bare_name(right[0]):
                return self.meanings(meaning(left[1]), meaning(right[1]))
            return self.swapped(left, right)
        ranges = interval_of(gold), interval_of(answer)
        if ranges[0] and ranges[1]:
            opinion = self.brackets(ranges[0][1], ranges[1][1])
            return opinion if ranges[0][0] == ranges[1][0] else NO  # x > 1 is not y > 1
        if set(gold.signs) == set(answer.signs) == {"="} and len(gold.sides) == len(answer.sides) == 2:
            return self.equations(gold, answer)
        if len(gold.sides) == len(answer.sides) == 2 and gold.signs[0] in _TURN and answer.signs[0] in _TURN:
            return self.inequalities(gold, answer)
        if gold.signs == answer.signs and len(gold.sides) == len(answer.sides):
            return all_of([self.cleaned(one, other) for one, other in zip(gold.sides, answer.sides)])
        return NO

    def swapped(self, left: tuple[str, str], right: tuple[str, str]) -> Opinion:
        """x = y + 1 and y = x - 1."""
        return self.equations(RelationChain(left, ("=",)), RelationChain(right, ("=",))) if re.search(r"[A-Za-z]", left[1] + right[1]) else NO

    def equations(self, gold: RelationChain, answer: RelationChain) -> Opinion:
        """Equal up to a factor."""
        if gold.sides in (answer.sides, answer.sides[::-1]):
            return YES
        if not self.prove:
            raise NeedsProof
        equal = ratio((gold.sides[0], gold.sides[1]), (answer.sides[0], answer.sides[1])) != 0
        return Opinion(equal and not _solved(gold), equal)

    def inequalities(self, gold: RelationChain, answer: RelationChain) -> Opinion:
        """Equal up to a factor, whose sign turns them around."""
        if not self.prove:
            raise NeedsProof
        factor = ratio((gold.sides[0], gold.sides[1]), (answer.sides[0], answer.sides[1]))
        equal = factor != 0 and gold.signs[0] == (answer.signs[0] if factor > 0 else _TURN[answer.signs[0]])
        return Opinion(equal and not interval_of(gold), equal)

    def related(self, gold: Meaning, answer: Meaning) -> Opinion:
        """A relation beside something else: a named value, a membership, an interval."""
        if isinstance(gold, RelationChain):
            if assigned := assigned_value(gold) or _function(gold):
                opinion = self.meanings(meaning(assigned[1]), answer)
                return (
                    opinion
                    if _is_value(assigned[1]) and (_NAME.fullmatch(assigned[0]) or assigned[0].startswith("("))
                    else Opinion(False, opinion.lenient)
                )
            if bounds := interval_of(gold):
                return self.meanings(bounds[1], answer) if not isinstance(answer, BracketedValues) or answer.left != "{" else NO
            if rays := outside_of(gold):
                return Opinion(False, self.meanings(rays, answer).lenient)
            return self.approximate(gold, answer, turned=True)
        if not isinstance(answer, RelationChain):
            return NO
        if len(answer.sides) == 2 and answer.signs[0] == r"\approx" and _NAME.fullmatch(answer.sides[0]):
            return Opinion(False, self.meanings(gold, meaning(answer.sides[1])).lenient)
        if assigned := assigned_value(answer):
            opinion = self.meanings(gold, meaning(assigned[1]))
            return opinion if _NAME.fullmatch(assigned[0]) or assigned[0].startswith("(") else Opinion(False, opinion.lenient)
        if bounds := interval_of(answer):
            return self.ranged(gold, bounds[1])
        if (rays := outside_of(answer)) and isinstance(gold, (UnionOfSets, ValueList)):
            return Opinion(False, self.meanings(gold, rays).lenient)
        return self.approximate(answer, gold, turned=False)

    def ranged(self, gold: Meaning, answer: BracketedValues) -> Opinion:
        """An inequality for a gold that is an interval; strictly only where the gold can be nothing else."""
        if not isinstance(gold, BracketedValues) or gold.left in "{<":
            return NO
        opinion = self.brackets(gold, answer)
        certain = gold.left == "[" or gold.right == "]" or any(isinstance(item, QuantityValue) and "infty" in item.latex for item in gold.items)
        return opinion if certain else Opinion(False, opinion.lenient)

    def approximate(self, chain: RelationChain, other: Meaning, *, turned: bool) -> Opinion:
        """Working that ends in a value: 12 + 25 = 37, 1/3 \\approx 0.333; every step must hold."""
        if not set(chain.signs) <= {"=", r"\approx", r"\simeq", r"\sim"} or assigned_value(chain):
            return NO
        sides = [side for side in chain.sides if side]
        if chain.sides[0] and _NAME.fullmatch(chain.sides[0]) and len(sides) > 2:
            sides = sides[1:]
        if any(isinstance(meaning(side), (BracketedValues, ValueList, UnreadAnswer)) for side in sides):
            return NO
        steps = all(self.holds(one, two, sign) for one, two, sign in zip(sides, sides[1:], chain.signs[-len(sides) + 1 :]))
        if not steps:
            return NO
        found = NO
        for side in sides if r"\approx" in chain.signs else sides[-1:]:
            pair = (meaning(side), other) if turned else (other, meaning(side))
            found = found.either(self.meanings(*pair))
        return found

    def holds(self, one: str, two: str, sign: str) -> bool:
        """Whether a step of working is true, within 2% where it says "about"; the units of its sides are left aside."""
        left, right = (value.latex if isinstance(value := meaning(side), QuantityValue) else side for side in (one, two))
        mine, others = plain(left), plain(right)
        if not (mine and others) and not self.prove:
            raise NeedsProof
        values = [float(known.value) if known else numeric_value(latex) for known, latex in ((mine, left), (others, right))]
        if values[0] is None or values[1] is None:
            return False
        slack = 1e-6 if sign == "=" else 0.02
        return bool(abs(values[0] - values[1]) <= slack * max(abs(values[0]), abs(values[1])))


def assigned_value(chain: RelationChain) -> tuple[str, str] | None:
    """(name, value) of x = 3, x = 1 + 2 = 3 and x \\in S; None for what gives no name a value."""
    if not set(chain.signs) <= {"=", r"\in"} or len(chain.sides) != 2:
        return None
    name, value = chain.sides
    plain = name.replace(TEXT, "").replace(END, "").strip()
    names = _NAME.fullmatch(plain) or _PROBABILITY.fullmatch(plain) or re.fullmatch(r"[A-Za-z][A-Za-z ]+", plain)
    if names and value and not re.fullmatch(r"[A-Za-z]\s*\(\s*[A-Za-z].*", plain):
        return plain, value
    if plain.startswith("(") and value.startswith("(") and re.fullmatch(r"\([A-Za-z_0-9, ]+\)", plain):
        return plain, value
    return None


def _function(chain: RelationChain) -> tuple[str, str] | None:
    """(f(x), value) of a gold f(x) = 1; an answer like that names no value."""
    simple = len(chain.sides) == 2 and chain.signs == ("=",) and re.fullmatch(r"[A-Za-z]\s*\(\s*[A-Za-z]\s*\)", chain.sides[0])
    return (chain.sides[0], chain.sides[1]) if simple else None


def _solved(gold: RelationChain) -> bool:
    """Whether a gold gives one name a number, so that an equation which is still to be solved is no answer."""
    assigned = assigned_value(gold)
    return assigned is not None and not re.search(r"(?<![A-Za-z\\])[A-Za-df-hj-z]", assigned[1])


def bare_name(text: str) -> str:
    return re.sub(r"[\s{}]", "", text)


def _is_value(latex: str) -> bool:
    """Whether the right side of a gold is a value and no formula of other letters."""
    return not re.search(r"(?<![A-Za-z\\])(?![ei](?![A-Za-z]))[A-Za-z](?![A-Za-z])", latex)


def interval_of(chain: RelationChain) -> tuple[str, BracketedValues] | None:
    """(name, interval) of an inequality of one name."""
    if chain.signs == (r"\in",) and _VARIABLES.fullmatch(chain.sides[0]):
        held = meaning(chain.sides[1])
        return (bare_name(chain.sides[0]), held) if isinstance(held, BracketedValues) and held.left in "([" and len(held.items) == 2 else None
    if not chain.signs or not set(chain.signs) <= set(_TURN) or len(chain.sides) > 3:
        return None
    if chain.signs[0] in ("<", r"\leq") and (ends := _distance(chain)):
        return ends[0], BracketedValues(*(("(", ends[1:], ")") if chain.signs[0] == "<" else ("[", ends[1:], "]")))
    sides, signs = chain.sides, chain.signs
    if all(sign in (">", r"\geq") for sign in signs):
        sides, signs = sides[::-1], tuple(_TURN[sign] for sign in reversed(signs))
    if not all(sign in ("<", r"\leq") for sign in signs):
        return None
    places = [index for index, side in enumerate(sides) if _VARIABLES.fullmatch(side)]
    if len(places) != 1 or (len(sides) == 3 and places != [1]):
        return None
    at = places[0]
    low = (sides[at - 1], signs[at - 1]) if at > 0 else (r"-\infty", "<")
    high = (sides[at + 1], signs[at]) if at + 1 < len(sides) else (r"\infty", "<")
    left, right = "[" if low[1] == r"\leq" else "(", "]" if high[1] == r"\leq" else ")"
    return bare_name(sides[at]), BracketedValues(left, (meaning(low[0]), meaning(high[0])), right)


def outside_of(chain: RelationChain) -> UnionOfSets | None:
    """The two rays of |x - 2| > 1."""
    if chain.signs not in ((">",), (r"\geq",)) or not (ends := _distance(chain)):
        return None
    left, right = "([" if chain.signs == (r"\geq",) else "((", "])" if chain.signs == (r"\geq",) else "))"
    low, high = (meaning(r"-\infty"), ends[1]), (ends[2], meaning(r"\infty"))
    return UnionOfSets((BracketedValues(left[0], low, right[0]), BracketedValues(left[1], high, right[1])))


def _distance(chain: RelationChain) -> tuple[str, Meaning, Meaning] | None:
    """(name, low end, high end) of the bound that a chain sets to |x| or |x - 2|; None where it sets none, or one that is not above 0."""
    match = _DISTANCE.fullmatch(chain.sides[0]) if len(chain.sides) == 2 else None
    if match is None:
        return None
    bound = plain(chain.sides[1])
    if bound is None:
        return None if match[2] or re.search(r"[-+]", chain.sides[1]) else (match[1], meaning(f"-{chain.sides[1]}"), meaning(chain.sides[1]))
    center = plain(match[3]) if match[2] else Number(Fraction(0), False)
    if center is None or bound.value <= 0:
        return None
    at = center.value if match[2] == "-" else -center.value
    return match[1], meaning(str(at - bound.value)), meaning(str(at + bound.value))
