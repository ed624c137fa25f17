"""Compare equations, inequalities and working by what they say of a name."""

import re
from dataclasses import dataclass
from fractions import Fraction

from assay.verifiers.answers.meaning import (
    BracketedValues,
    Meaning,
    QuantityValue,
    RelationChain,
    UnionOfSets,
    UnreadAnswer,
    ValueList,
    parse_meaning,
)
from assay.verifiers.answers.numbers import Number
from assay.verifiers.answers.plain_text import END, TEXT
from assay.verifiers.math.comparison import NO, YES, Agreement, NeedsProof, combine_all
from assay.verifiers.math.quantities import QuantityComparison, cached_number
from assay.verifiers.math.symbolic import evaluate_number, relation_ratio

_NAME = re.compile(
    r"[A-Za-z]'?(?:_\{?\w+\}?)?|\\[a-z]+(?:_\{?\w+\}?)?|[A-Z]{2,3}|\|[A-Z]{2}\||[A-Za-z]\s*\(\s*-?[\d.]+\s*\)"
)


_PROBABILITY = re.compile(
    r"[A-Za-z_{}0-9]+\s*:\s*[A-Za-z_{}0-9]+|\\frac\{[A-Z]{2}\}\{[A-Z]{2}\}"
    r"|[A-Za-z]{1,3}\s*\(\s*[A-Za-z0-9 ,|=]+\s*\)|[A-Z]{3,}|\\angle.*|\\overline\{[A-Z]{2}\}|\\\w+\s+[A-Za-z]+"
)


_VARIABLES = re.compile(
    r"[a-zA-Z]\([a-z]\)|[A-Za-z](?:_\{?\w+\}?)?|\\(?:alpha|beta|gamma|theta|lambda|phi|omega|sigma)(?:_\{?\w+\}?)?"
)


_DISTANCE = re.compile(r"\|\s*([A-Za-z])\s*(?:([-+])\s*([\d.,/]+|\\frac\{\d+\}\{\d+\})\s*)?\|")
_MIRRORED = {"<": ">", ">": "<", r"\leq": r"\geq", r"\geq": r"\leq"}


@dataclass(frozen=True)
class RelationComparison(QuantityComparison):
    """Rules for relations."""

    def compare_chains(self, gold: RelationChain, answer: RelationChain) -> Agreement:
        """Compare two relations: the same value of the same name, the same interval, or the same equation."""
        left, right = read_assignment(gold), read_assignment(answer)
        # x \in (1,2) compared with 1 < x < 2
        is_membership = r"\in" in gold.signs + answer.signs and gold.signs != answer.signs
        if left and right and not is_membership:
            if normalize_name(left[0]) == normalize_name(right[0]):
                return self.compare_meanings(parse_meaning(left[1]), parse_meaning(right[1]))
            return self.compare_swapped(left, right)
        if values := _match_function(gold, answer):
            return Agreement(False, self.compare_meanings(parse_meaning(values[0]), parse_meaning(values[1])).lenient)
        ranges = read_interval(gold), read_interval(answer)
        if ranges[0] and ranges[1]:
            agreement = self.compare_brackets(ranges[0][1], ranges[1][1])
            return agreement if ranges[0][0] == ranges[1][0] else NO  # x > 1 is not y > 1
        if set(gold.signs) == set(answer.signs) == {"="} and len(gold.sides) == len(answer.sides) == 2:
            return self.compare_equations(gold, answer)
        if len(gold.sides) == len(answer.sides) == 2 and gold.signs[0] in _MIRRORED and answer.signs[0] in _MIRRORED:
            return self.compare_inequalities(gold, answer)
        if gold.signs == answer.signs and len(gold.sides) == len(answer.sides):
            return combine_all(
                [self.compare_texts(gold_side, answer_side) for gold_side, answer_side in zip(gold.sides, answer.sides)]
            )
        return NO

    def compare_swapped(self, left: tuple[str, str], right: tuple[str, str]) -> Agreement:
        """Compare assignments to different names, such as x = y + 1 and y = x - 1."""
        return (
            self.compare_equations(RelationChain(left, ("=",)), RelationChain(right, ("=",)))
            if re.search(r"[A-Za-z]", left[1] + right[1])
            else NO
        )

    def compare_equations(self, gold: RelationChain, answer: RelationChain) -> Agreement:
        """Compare equations, which may differ by a factor."""
        if gold.sides in (answer.sides, answer.sides[::-1]):
            return YES
        if not self.prove:
            raise NeedsProof
        equal = relation_ratio((gold.sides[0], gold.sides[1]), (answer.sides[0], answer.sides[1])) != 0
        return Agreement(equal and not _is_solved(gold), equal)

    def compare_inequalities(self, gold: RelationChain, answer: RelationChain) -> Agreement:
        """Compare inequalities, which may differ by a factor; a negative one turns them around."""
        if not self.prove:
            raise NeedsProof
        factor = relation_ratio((gold.sides[0], gold.sides[1]), (answer.sides[0], answer.sides[1]))
        equal = factor != 0 and gold.signs[0] == (answer.signs[0] if factor > 0 else _MIRRORED[answer.signs[0]])
        return Agreement(equal and not read_interval(gold), equal)

    def compare_relation(self, gold: Meaning, answer: Meaning) -> Agreement:
        """Compare a relation with something else: a named value, a membership, an interval."""
        if isinstance(gold, RelationChain):
            if assignment := read_assignment(gold) or _read_function(gold):
                agreement = self.compare_meanings(parse_meaning(assignment[1]), answer)
                return (
                    agreement
                    if _is_value(assignment[1]) and (_NAME.fullmatch(assignment[0]) or assignment[0].startswith("("))
                    else Agreement(False, agreement.lenient)
                )
            if interval := read_interval(gold):
                return (
                    self.compare_meanings(interval[1], answer)
                    if not isinstance(answer, BracketedValues) or answer.left != "{"
                    else NO
                )
            if rays := read_rays(gold):
                return Agreement(False, self.compare_meanings(rays, answer).lenient)
            return self.compare_working(gold, answer, chain_is_gold=True)
        if not isinstance(answer, RelationChain):
            return NO
        if len(answer.sides) == 2 and answer.signs[0] == r"\approx" and _NAME.fullmatch(answer.sides[0]):
            return Agreement(False, self.compare_meanings(gold, parse_meaning(answer.sides[1])).lenient)
        if assignment := read_assignment(answer):
            agreement = self.compare_meanings(gold, parse_meaning(assignment[1]))
            return (
                agreement
                if _NAME.fullmatch(assignment[0]) or assignment[0].startswith("(")
                else Agreement(False, agreement.lenient)
            )
        if interval := read_interval(answer):
            return self.compare_range(gold, interval[1])
        if (rays := read_rays(answer)) and isinstance(gold, (UnionOfSets, ValueList)):
            return Agreement(False, self.compare_meanings(gold, rays).lenient)
        if (function := _read_function(answer)) and isinstance(gold, QuantityValue):
            is_formula = _has_letter(gold.latex, _name_variable(function[0]))
            # f(x) = 2x for 2x; 0 is not f(x) = 0
            return Agreement(False, is_formula and self.compare_meanings(gold, parse_meaning(function[1])).lenient)
        return self.compare_working(answer, gold, chain_is_gold=False)

    def compare_range(self, gold: Meaning, answer: BracketedValues) -> Agreement:
        """Compare an inequality with a gold interval; strictly only where the gold can be nothing but an interval."""
        if not isinstance(gold, BracketedValues) or gold.left in "{<":
            return NO
        agreement = self.compare_brackets(gold, answer)
        is_certain = (
            gold.left == "["
            or gold.right == "]"
            or any(isinstance(item, QuantityValue) and "infty" in item.latex for item in gold.items)
        )
        return agreement if is_certain else Agreement(False, agreement.lenient)

    def compare_working(self, chain: RelationChain, other: Meaning, *, chain_is_gold: bool) -> Agreement:
        """Compare working that ends in a value: 12 + 25 = 37, 1/3 \\approx 0.333; every step must hold."""
        if not set(chain.signs) <= {"=", r"\approx", r"\simeq", r"\sim"} or read_assignment(chain):
            return NO
        sides = [side for side in chain.sides if side]
        if chain.sides[0] and _NAME.fullmatch(chain.sides[0]) and len(sides) > 2:
            sides = sides[1:]
        if any(isinstance(parse_meaning(side), (BracketedValues, ValueList, UnreadAnswer)) for side in sides):
            return NO
        steps = all(
            self.step_holds(left, right, sign)
            for left, right, sign in zip(sides, sides[1:], chain.signs[-len(sides) + 1 :])
        )
        if not steps:
            return NO
        agreement = NO
        for side in sides if r"\approx" in chain.signs else sides[-1:]:
            pair = (parse_meaning(side), other) if chain_is_gold else (other, parse_meaning(side))
            agreement = agreement.either(self.compare_meanings(*pair))
        return agreement

    def step_holds(self, left_side: str, right_side: str, sign: str) -> bool:
        """Return whether a step of working is true, within 2% where it says "about"; units of its sides are ignored."""
        left, right = (
            value.latex if isinstance(value := parse_meaning(side), QuantityValue) else side
            for side in (left_side, right_side)
        )
        left_number, right_number = cached_number(left), cached_number(right)
        if not (left_number and right_number) and not self.prove:
            raise NeedsProof
        values = [
            float(number.value) if number else evaluate_number(latex)
            for number, latex in ((left_number, left), (right_number, right))
        ]
        if values[0] is None or values[1] is None:
            return False
        tolerance = 1e-6 if sign == "=" else 0.02
        return bool(abs(values[0] - values[1]) <= tolerance * max(abs(values[0]), abs(values[1])))


def read_assignment(chain: RelationChain) -> tuple[str, str] | None:
    """Return (name, value) of x = 3, x = 1 + 2 = 3 and x \\in S; None for what gives no name a value."""
    if not set(chain.signs) <= {"=", r"\in"} or len(chain.sides) != 2:
        return None
    name, value = chain.sides
    plain_name = name.replace(TEXT, "").replace(END, "").strip()
    is_name = (
        _NAME.fullmatch(plain_name)
        or _PROBABILITY.fullmatch(plain_name)
        or re.fullmatch(r"[A-Za-z][A-Za-z ]+", plain_name)
    )
    if is_name and value and not re.fullmatch(r"[A-Za-z]\s*\(\s*[A-Za-z].*", plain_name):
        return plain_name, value
    if plain_name.startswith("(") and value.startswith("(") and re.fullmatch(r"\([A-Za-z_0-9, ]+\)", plain_name):
        return plain_name, value
    return None


def _match_function(gold: RelationChain, answer: RelationChain) -> tuple[str, str] | None:
    """Return the formulas of f(x) = 2x and y = 2x, or f = 2x; None for all else."""
    for side, other in ((gold, answer), (answer, gold)):
        function, assignment = _read_function(side), read_assignment(other)
        if function and assignment and assignment[0] in ("y", function[0][0]):
            variable = _name_variable(function[0])
            if all(_has_letter(value, variable) for value in (function[1], assignment[1])):
                return (function[1], assignment[1]) if side is gold else (assignment[1], function[1])
    return None


def _name_variable(function: str) -> str:
    return function.rstrip(") ")[-1]


def _has_letter(latex: str, letter: str) -> bool:
    return re.search(rf"(?<![A-Za-z\\]){letter}(?![A-Za-z])", latex) is not None


def _read_function(chain: RelationChain) -> tuple[str, str] | None:
    """Return (f(x), value) of f(x) = 1; as an answer it names no value, only a formula."""
    is_function = (
        len(chain.sides) == 2
        and chain.signs == ("=",)
        and re.fullmatch(r"[A-Za-z]\s*\(\s*[A-Za-z]\s*\)", chain.sides[0])
    )
    return (chain.sides[0], chain.sides[1]) if is_function else None


def _is_solved(gold: RelationChain) -> bool:
    """Return whether a gold answer gives a name a number, so that an equation still to be solved is no answer."""
    assignment = read_assignment(gold)
    return assignment is not None and not re.search(r"(?<![A-Za-z\\])[A-Za-df-hj-z]", assignment[1])


def normalize_name(text: str) -> str:
    """Return a name without blanks and braces."""
    return re.sub(r"[\s{}]", "", text)


def _is_value(latex: str) -> bool:
    """Return whether the right side of a gold answer is a value, not a formula of other letters."""
    return not re.search(r"(?<![A-Za-z\\])(?![ei](?![A-Za-z]))[A-Za-z](?![A-Za-z])", latex)


def read_interval(chain: RelationChain) -> tuple[str, BracketedValues] | None:
    """Return (name, interval) of an inequality of one name."""
    if chain.signs == (r"\in",) and _VARIABLES.fullmatch(chain.sides[0]):
        interval = parse_meaning(chain.sides[1])
        return (
            (normalize_name(chain.sides[0]), interval)
            if isinstance(interval, BracketedValues) and interval.left in "([" and len(interval.items) == 2
            else None
        )
    if not chain.signs or not set(chain.signs) <= set(_MIRRORED) or len(chain.sides) > 3:
        return None
    if chain.signs[0] in ("<", r"\leq") and (distance := _read_distance(chain)):
        return distance[0], BracketedValues(
            *(("(", distance[1:], ")") if chain.signs[0] == "<" else ("[", distance[1:], "]"))
        )
    sides, signs = chain.sides, chain.signs
    if all(sign in (">", r"\geq") for sign in signs):
        sides, signs = sides[::-1], tuple(_MIRRORED[sign] for sign in reversed(signs))
    if not all(sign in ("<", r"\leq") for sign in signs):
        return None
    variable_indices = [index for index, side in enumerate(sides) if _VARIABLES.fullmatch(side)]
    if len(variable_indices) != 1 or (len(sides) == 3 and variable_indices != [1]):
        return None
    index = variable_indices[0]
    low = (sides[index - 1], signs[index - 1]) if index > 0 else (r"-\infty", "<")
    high = (sides[index + 1], signs[index]) if index + 1 < len(sides) else (r"\infty", "<")
    left, right = "[" if low[1] == r"\leq" else "(", "]" if high[1] == r"\leq" else ")"
    return normalize_name(sides[index]), BracketedValues(left, (parse_meaning(low[0]), parse_meaning(high[0])), right)


def read_rays(chain: RelationChain) -> UnionOfSets | None:
    """Return the two rays of |x - 2| > 1."""
    if chain.signs not in ((">",), (r"\geq",)) or not (distance := _read_distance(chain)):
        return None
    left, right = "([" if chain.signs == (r"\geq",) else "((", "])" if chain.signs == (r"\geq",) else "))"
    low, high = (parse_meaning(r"-\infty"), distance[1]), (distance[2], parse_meaning(r"\infty"))
    return UnionOfSets((BracketedValues(left[0], low, right[0]), BracketedValues(left[1], high, right[1])))


def _read_distance(chain: RelationChain) -> tuple[str, Meaning, Meaning] | None:
    """Return (name, low end, high end) of a bound on |x| or |x - 2|; None where there is none above 0."""
    match = _DISTANCE.fullmatch(chain.sides[0]) if len(chain.sides) == 2 else None
    if match is None:
        return None
    bound_number = cached_number(chain.sides[1])
    if bound_number is None:
        return (
            None
            if match[2] or re.search(r"[-+]", chain.sides[1])
            else (match[1], parse_meaning(f"-{chain.sides[1]}"), parse_meaning(chain.sides[1]))
        )
    center = cached_number(match[3]) if match[2] else Number(Fraction(0), False)
    if center is None or bound_number.value <= 0:
        return None
    middle = center.value if match[2] == "-" else -center.value
    return match[1], parse_meaning(str(middle - bound_number.value)), parse_meaning(str(middle + bound_number.value))
