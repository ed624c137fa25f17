"""Compare quantities, times and ratios: equal values in units that agree."""

import re
from dataclasses import dataclass
from functools import lru_cache

from assay.verifiers.answers import units as units_module
from assay.verifiers.answers.meaning import (
    BasedNumber,
    ClockTime,
    CompoundQuantity,
    Meaning,
    ProportionValue,
    QuantityValue,
)
from assay.verifiers.answers.numbers import Number, is_same_number, parse_number
from assay.verifiers.answers.units import Unit
from assay.verifiers.math.comparison import MAYBE, NO, YES, Agreement, Comparison, NeedsProof, combine_all, squeeze
from assay.verifiers.math.point_values import are_far_apart, lacks_letter
from assay.verifiers.math.symbolic import compare_latex

_WORKING = re.compile(
    r"\\(?:sum|prod|i?int|lim|binom|gcd|operatorname|max|min)(?![A-Za-z])|!|\\frac\s*\{\s*d|\\[lr](?:floor|ceil)"
)
_DEGREES, _RADIANS = Unit((("degree", 1),), True), Unit((("radian", 1),), True)
_SCRIPTS = re.compile(r"(?<=[a-z])\s*[_^]\s*\{[^{}]*\}")  # of a function or a letter


@dataclass(frozen=True)
class QuantityComparison(Comparison):
    """Rules for values."""

    def compare_quantities(self, gold: QuantityValue, answer: QuantityValue) -> Agreement:
        """Compare quantities: equal values, with units that agree."""
        agreement = self.compare_united(gold, answer)
        for left, right in (
            (_use_loose_unit(gold), answer),
            (gold, _use_loose_unit(answer)),
            (_use_loose_unit(gold), _use_loose_unit(answer)),
        ):
            if not agreement.lenient and (left, right) != (gold, answer):
                loose_agreement = self.compare_united(left, right)
                agreement = Agreement(
                    loose_agreement.strict and left.unit is not None and right.unit is not None, loose_agreement.lenient
                )
        return agreement

    def compare_united(self, gold: QuantityValue, answer: QuantityValue) -> Agreement:
        """Compare quantities whose units are certain."""
        if gold.unit == answer.unit:
            return self.compare_expressions(gold.latex, answer.latex)
        if (radians := _convert_angles(gold, answer)) is not None:
            agreement = self.compare_expressions(*radians)
            return agreement if gold.unit and answer.unit else Agreement(False, agreement.lenient)
        if gold.unit is None or answer.unit is None:
            unit_agreement = self.compare_one_unit(gold.unit, answer.unit)
            return (
                unit_agreement.also(self.compare_expressions(gold.latex, answer.latex))
                if unit_agreement.lenient
                else NO
            )
        return self.compare_converted(gold, answer)

    def compare_one_unit(self, gold: Unit | None, answer: Unit | None) -> Agreement:
        """Compare units where one side may have none."""
        if answer is None:
            return YES
        units_in_question = self.rules.facts.units
        if not answer.known:
            return YES
        if all(name in units_in_question for name, _ in answer.factors):
            return YES
        rivals = (
            [
                name
                for name in units_in_question
                if units_module.describe_dimension(Unit(((name, 1),), True)) == units_module.describe_dimension(answer)
            ]
            if len(answer.factors) == 1
            else []
        )
        return NO if rivals else MAYBE

    def compare_converted(self, gold: QuantityValue, answer: QuantityValue) -> Agreement:
        """Compare quantities in two units: convertible ones, or words that name the same thing."""
        left, right = gold.unit, answer.unit
        if left is None or right is None:
            return NO
        if not (left.known and right.known):
            shared = {name for name, _ in left.factors} & {name for name, _ in right.factors}
            return (
                MAYBE.also(self.compare_expressions(gold.latex, answer.latex))
                if shared and not (left.known or right.known)
                else NO
            )
        factor = units_module.conversion_factor(right, left)
        gold_number, answer_number = cached_number(gold.latex), cached_number(answer.latex)
        if factor is None:
            return NO
        if factor == 1.0:
            return self.compare_expressions(gold.latex, answer.latex)
        if gold_number is None or answer_number is None:
            return NO
        equal = units_module.is_close(float(gold_number.value), float(answer_number.value) * factor)
        return Agreement(equal, equal)

    def compare_compound(self, gold: Meaning, answer: Meaning) -> Agreement:
        """Compare sums of quantities, where at least one side is one: equal parts, or equal totals."""
        left, right = (side.parts if isinstance(side, CompoundQuantity) else (side,) for side in (gold, answer))
        if len(left) == len(right) and all(isinstance(part, QuantityValue) for part in (*left, *right)):
            parts = [
                self.compare_united(gold_part, answer_part)
                for gold_part, answer_part in zip(left, right)
                if isinstance(gold_part, QuantityValue) and isinstance(answer_part, QuantityValue)
            ]
            if all(part.lenient for part in parts):
                return combine_all(parts)
        base = left[0].unit if isinstance(left[0], QuantityValue) else None
        totals = [_sum_parts(side, base) for side in (left, right)] if base else [None]
        if None in totals:
            return NO
        equal = units_module.is_close(float(totals[0] or 0), float(totals[1] or 0))
        return Agreement(equal, equal)

    def compare_expressions(self, gold: str, answer: str) -> Agreement:
        """Compare numbers by value and other expressions by algebra; working is not an answer to a number."""
        target, value = cached_number(gold), cached_number(answer)
        if target and value:
            equal = is_same_number(target, value)
            return Agreement(equal and not self.is_unfinished_division(target, answer), equal)
        if squeeze(gold) == squeeze(answer) and gold.replace(" ", "") == answer.replace(" ", ""):
            return YES
        if has_adjacent_numbers(answer) and not has_adjacent_numbers(gold):
            return NO
        if are_far_apart(gold, answer) or lacks_letter(gold, answer):
            return NO
        if not self.prove:
            raise NeedsProof
        strict, lenient = compare_latex(gold, answer)
        if target is not None and strict:
            return Agreement(self.rules.unevaluated, True)
        if strict and _WORKING.search(answer) and not _WORKING.search(gold):
            return Agreement(self.rules.unevaluated, True)
        return Agreement(strict, lenient or strict)

    def is_unfinished_division(self, target: Number, answer: str) -> bool:
        """Return whether a whole number is given as a division that is still to be done."""
        is_division = re.search(r"/|\\frac", answer) is not None
        return is_division and target.value.denominator == 1 and not self.rules.unevaluated

    def compare_times(self, gold: ClockTime, answer: ClockTime) -> Agreement:
        """Compare times of day: the same minute; leniently only, where one side leaves out the half of the day."""
        if gold.half and answer.half:
            equal = gold.minutes == answer.minutes
            return Agreement(equal, equal)
        if gold.half == answer.half:
            return Agreement(gold.minutes == answer.minutes, gold.minutes == answer.minutes)
        if gold.minutes == answer.minutes and gold.minutes >= 13 * 60:
            return YES  # 16:30 is 4:30 p.m.
        return Agreement(False, gold.minutes % 720 == answer.minutes % 720)

    def compare_proportions(self, gold: ProportionValue, answer: ProportionValue) -> Agreement:
        """Compare proportions: equal parts, or leniently parts in the same ratio."""
        if gold.parts == answer.parts:
            return YES
        left, right = ([parse_number(part) for part in side.parts] for side in (gold, answer))
        if len(left) != len(right) or None in left or None in right:
            return NO
        left_values, right_values = [part.value for part in left if part], [part.value for part in right if part]
        is_proportional = all(
            left_value * right_values[0] == right_value * left_values[0]
            for left_value, right_value in zip(left_values, right_values)
        )
        return Agreement(False, is_proportional and any(left_values) and any(right_values))

    def compare_based(self, gold: BasedNumber, answer: BasedNumber) -> Agreement:
        """Compare numbers with a base: the same digits in the same base."""
        return YES if gold == answer else NO


def _convert_angles(gold: QuantityValue, answer: QuantityValue) -> tuple[str, str] | None:
    r"""Return two angles in radians, where one is a number of degrees and the other one a multiple of \pi.

    >>> _convert_angles(QuantityValue(r"2\pi"), QuantityValue("90", _DEGREES))
    ('2\\pi', '\\frac{1\\pi}{2}')
    """
    if (gold.unit == _DEGREES) == (answer.unit == _DEGREES):
        return None
    degrees, other = (gold, answer) if gold.unit == _DEGREES else (answer, gold)
    number = cached_number(degrees.latex)
    if number is None or r"\pi" not in other.latex or other.unit not in (None, _RADIANS):
        return None
    half_turns = number.value / 180
    converted = rf"\frac{{{half_turns.numerator}\pi}}{{{half_turns.denominator}}}"
    return (converted, other.latex) if degrees is gold else (other.latex, converted)


def _use_loose_unit(value: QuantityValue) -> QuantityValue:
    return (
        QuantityValue(
            value.latex.rpartition(" ")[0] if "^" not in value.latex else value.latex.split(" ")[0], value.loose
        )
        if value.loose
        else value
    )


@lru_cache(8192)
def cached_number(latex: str) -> Number | None:
    """Parse a text that is one number; cached."""
    return parse_number(latex)


def has_adjacent_numbers(latex: str) -> bool:
    """Return whether numbers stand next to each other with nothing between them."""
    return re.search(r"(?<![_^\w])\d[\d.,]*\s+[\d.]|\}\s+\d", _SCRIPTS.sub("", latex)) is not None


def _sum_parts(parts: tuple[Meaning, ...], base: Unit) -> float | None:
    total = 0.0
    for part in parts:
        if not isinstance(part, QuantityValue) or part.unit is None:
            return None
        factor, value = units_module.conversion_factor(part.unit, base), parse_number(part.latex)
        if factor is None or value is None:
            return None
        total += factor * float(value.value)
    return total
