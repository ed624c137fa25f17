"""Quantities, times and ratios: equal values in units that may stand together."""

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
from assay.verifiers.answers.numbers import Number, number, same
from assay.verifiers.answers.units import Unit
from assay.verifiers.math.comparison import MAYBE, NO, YES, Comparison, NeedsProof, Opinion, all_of, squeeze
from assay.verifiers.math.symbolic import same_expression

_WORKING = re.compile(
    r"\\(?:sum|prod|i?int|lim|binom|gcd|operatorname|max|min)(?![A-Za-z])|!|\\frac\s*\{\s*d|\\[lr](?:floor|ceil)"
)


@dataclass(frozen=True)
class QuantityComparison(Comparison):
    """Rules for values."""

    def quantities(self, gold: QuantityValue, answer: QuantityValue) -> Opinion:
        """Equal values with units that may stand together."""
        opinion = self.united(gold, answer)
        for left, right in ((_loosened(gold), answer), (gold, _loosened(answer)), (_loosened(gold), _loosened(answer))):
            if not opinion.lenient and (left, right) != (gold, answer):
                loose = self.united(left, right)
                opinion = Opinion(loose.strict and left.unit is not None and right.unit is not None, loose.lenient)
        return opinion

    def united(self, gold: QuantityValue, answer: QuantityValue) -> Opinion:
        """Quantities whose units are certain."""
        if gold.unit == answer.unit:
            return self.expressions(gold.latex, answer.latex)
        if gold.unit is None or answer.unit is None:
            fit = self.one_unit(gold.unit, answer.unit)
            return fit.also(self.expressions(gold.latex, answer.latex)) if fit.lenient else NO
        return self.converted(gold, answer)

    def one_unit(self, gold: Unit | None, answer: Unit | None) -> Opinion:
        """A unit on one side alone."""
        if answer is None:
            return YES
        named = self.rules.facts.units
        if not answer.known:
            return YES
        if all(name in named for name, _ in answer.factors):
            return YES
        rivals = (
            [name for name in named if units_module.kind(Unit(((name, 1),), True)) == units_module.kind(answer)]
            if len(answer.factors) == 1
            else []
        )
        return NO if rivals else MAYBE

    def converted(self, gold: QuantityValue, answer: QuantityValue) -> Opinion:
        """Two units: convertible ones, or words that name the same thing."""
        left, right = gold.unit, answer.unit
        if left is None or right is None:
            return NO
        if not (left.known and right.known):
            shared = {name for name, _ in left.factors} & {name for name, _ in right.factors}
            return (
                MAYBE.also(self.expressions(gold.latex, answer.latex))
                if shared and not (left.known or right.known)
                else NO
            )
        factor = units_module.conversion(right, left)
        one, other = plain(gold.latex), plain(answer.latex)
        if factor is None:
            return NO
        if factor == 1.0:
            return self.expressions(gold.latex, answer.latex)
        if one is None or other is None:
            return NO
        equal = units_module.close(float(one.value), float(other.value) * factor)
        return Opinion(equal, equal)

    def compound(self, gold: Meaning, answer: Meaning) -> Opinion:
        """Sums of quantities, one side at least: equal parts, or equal totals."""
        left, right = (side.parts if isinstance(side, CompoundQuantity) else (side,) for side in (gold, answer))
        if len(left) == len(right) and all(isinstance(part, QuantityValue) for part in (*left, *right)):
            parts = [
                self.united(one, other)
                for one, other in zip(left, right)
                if isinstance(one, QuantityValue) and isinstance(other, QuantityValue)
            ]
            if all(part.lenient for part in parts):
                return all_of(parts)
        base = left[0].unit if isinstance(left[0], QuantityValue) else None
        totals = [_total(side, base) for side in (left, right)] if base else [None]
        if None in totals:
            return NO
        equal = units_module.close(float(totals[0] or 0), float(totals[1] or 0))
        return Opinion(equal, equal)

    def expressions(self, gold: str, answer: str) -> Opinion:
        """Numbers by value, other expressions by algebra; working is no answer where the gold is a number."""
        target, value = plain(gold), plain(answer)
        if target and value:
            equal = same(target, value)
            return Opinion(equal and not self.undone(target, answer), equal)
        if squeeze(gold) == squeeze(answer) and gold.replace(" ", "") == answer.replace(" ", ""):
            return YES
        if side_by_side(answer) and not side_by_side(gold):
            return NO
        if not self.prove:
            raise NeedsProof
        strict, lenient = same_expression(gold, answer)
        if target is not None and strict:
            return Opinion(self.rules.unevaluated, True)
        if strict and _WORKING.search(answer) and not _WORKING.search(gold):
            return Opinion(self.rules.unevaluated, True)
        return Opinion(strict, lenient or strict)

    def undone(self, target: Number, answer: str) -> bool:
        """Whether a whole number is given as a division that is still to be done."""
        divided = re.search(r"/|\\frac", answer) is not None
        return divided and target.value.denominator == 1 and not self.rules.unevaluated

    def times(self, gold: ClockTime, answer: ClockTime) -> Opinion:
        """The same minute; a half of the day that one side leaves out is only leniently the same."""
        if gold.half and answer.half:
            equal = gold.minutes == answer.minutes
            return Opinion(equal, equal)
        if gold.half == answer.half:
            return Opinion(gold.minutes == answer.minutes, gold.minutes == answer.minutes)
        if gold.minutes == answer.minutes and gold.minutes >= 13 * 60:
            return YES  # 16:30 is 4:30 p.m.
        return Opinion(False, gold.minutes % 720 == answer.minutes % 720)

    def proportions(self, gold: ProportionValue, answer: ProportionValue) -> Opinion:
        """Equal parts, or parts in the same ratio."""
        if gold.parts == answer.parts:
            return YES
        left, right = ([number(part) for part in side.parts] for side in (gold, answer))
        if len(left) != len(right) or None in left or None in right:
            return NO
        ones, others = [part.value for part in left if part], [part.value for part in right if part]
        cross = all(one * others[0] == other * ones[0] for one, other in zip(ones, others))
        return Opinion(False, cross and any(ones) and any(others))

    def based(self, gold: BasedNumber, answer: BasedNumber) -> Opinion:
        """The same digits in the same base."""
        return YES if gold == answer else NO


def _loosened(value: QuantityValue) -> QuantityValue:
    return (
        QuantityValue(
            value.latex.rpartition(" ")[0] if "^" not in value.latex else value.latex.split(" ")[0], value.loose
        )
        if value.loose
        else value
    )


@lru_cache(8192)
def plain(latex: str) -> Number | None:
    return number(latex)


def side_by_side(latex: str) -> bool:
    """Whether numbers stand beside each other with nothing between them."""
    return re.search(r"(?<![_^\w])\d[\d.,]*\s+[\d.]|\}\s+\d", latex) is not None


def _total(parts: tuple[Meaning, ...], base: Unit) -> float | None:
    total = 0.0
    for part in parts:
        if not isinstance(part, QuantityValue) or part.unit is None:
            return None
        factor, value = units_module.conversion(part.unit, base), number(part.latex)
        if factor is None or value is None:
            return None
        total += factor * float(value.value)
    return total
