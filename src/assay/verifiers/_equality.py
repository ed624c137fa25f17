"""Whether two answers say the same, strictly (beyond doubt) and leniently (what a person would accept).

`docs/grading.md` has the rules, one per row.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from assay.verifiers import _units
from assay.verifiers._answers import final_answer
from assay.verifiers._meaning import (
    BasedNumber,
    BracketedValues,
    ClockTime,
    CompoundQuantity,
    MatrixValue,
    Meaning,
    OptionLetter,
    ProportionValue,
    QuantityValue,
    RelationChain,
    UnionOfSets,
    UnreadAnswer,
    ValueList,
    WordAnswer,
    clean,
    meaning,
    without_condition,
)
from assay.verifiers._numbers import Number, number, same
from assay.verifiers._plain_text import END, TEXT
from assay.verifiers._symbolic import numeric_value, ratio, readable, same_expression
from assay.verifiers._units import Unit

_WORKING = re.compile(r"\\(?:sum|prod|i?int|lim|binom|gcd|operatorname|max|min)(?![A-Za-z])|!|\\frac\s*\{\s*d|\\[lr](?:floor|ceil)")
_NAME = re.compile(r"[A-Za-z]'?(?:_\{?\w+\}?)?|\\[a-z]+(?:_\{?\w+\}?)?|[A-Z]{2,3}|\|[A-Z]{2}\||[A-Za-z]\s*\(\s*-?[\d.]+\s*\)")
_PROBABILITY = re.compile(
    r"[A-Za-z_{}0-9]+\s*:\s*[A-Za-z_{}0-9]+|\\frac\{[A-Z]{2}\}\{[A-Z]{2}\}"
    r"|[A-Za-z]{1,3}\s*\(\s*[A-Za-z0-9 ,|=]+\s*\)|[A-Z]{3,}|\\angle.*|\\overline\{[A-Z]{2}\}|\\\w+\s+[A-Za-z]+"
)
_VARIABLES = re.compile(r"[a-zA-Z]\([a-z]\)|[A-Za-z](?:_\{?\w+\}?)?|\\(?:alpha|beta|gamma|theta|lambda|phi|omega|sigma)(?:_\{?\w+\}?)?")
_DECIMAL_COMMA = re.compile(r"-?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))")
_SEPARATORS = re.compile(r"-?\d{1,3}(?:\.\d{3})+(?:,\d+)?(?!\d)|-?\d+,\d+(?!\d)")
_TURN = {"<": ">", ">": "<", r"\leq": r"\geq", r"\geq": r"\leq"}
_LETTERS_OF_VARIABLES = frozenset("xyzuvw")
_ALIKE = 40  # values of two lists that are matched in any order


class Opinion(NamedTuple):
    """Two readings of one comparison; strict implies lenient."""

    strict: bool
    lenient: bool

    def also(self, other: "Opinion") -> "Opinion":
        """Right only where both are."""
        return Opinion(self.strict and other.strict, self.lenient and other.lenient)

    def either(self, other: "Opinion") -> "Opinion":
        """Right where one is."""
        return Opinion(self.strict or other.strict, self.lenient or other.lenient)


YES, NO, MAYBE = Opinion(True, True), Opinion(False, False), Opinion(False, True)


@dataclass(frozen=True)
class QuestionFacts:
    """What a verdict asks of the question: the units that it names, its characters (an answer may be a copy of them), whether order counts."""

    units: frozenset[str] = frozenset()
    squeezed: str = ""
    ordered: bool = False

    @classmethod
    def of(cls, question: str) -> "QuestionFacts":
        """The facts of a question's text."""
        return _facts(question[:20_000])


@dataclass(frozen=True)
class Rules:
    """How to compare: the question's facts, and whether working counts as an answer where the gold is a number."""

    facts: QuestionFacts = QuestionFacts()
    unevaluated: bool = False
    comma: bool = False  # whether the text is in a language that writes 1.234,5


class NeedsProof(Exception):
    """Only a computer algebra system can tell."""


@lru_cache(4096)
def alternatives(gold: str) -> tuple[str, ...]:
    """The answers that a gold allows: a JSON list of texts holds several, an object and a worked solution one.

    >>> alternatives('["4", "four"]'), alternatives('{"answer": "4"}'), alternatives("so 8 * 9 = 72\\n#### 72"), alternatives("[1, 2]")
    (('4', 'four'), ('4',), ('72',), ('[1, 2]',))
    """
    bare = gold.strip()
    if bare.startswith(("[", "{")) and '"' in bare:
        try:
            held = json.loads(bare)
        except (ValueError, RecursionError):
            held = None
        if isinstance(held, dict) and len(held) == 1:
            held = list(held.values())
        if isinstance(held, list) and held and all(isinstance(item, (str, int, float)) for item in held):
            return tuple(str(item) for item in held)
    if "####" in bare:
        return (bare.rpartition("####")[2].strip(),)
    if "boxed" in bare and (found := final_answer(bare)) and found.how == "boxed":
        return (found.text,)
    return (gold,)


def compare(gold: str, answer: str, rules: Rules, *, prove: bool = True) -> Opinion:
    """The opinion on an answer as written beside a gold as written.

    Raises:
        NeedsProof: `prove` is False and expressions must be compared.
        OverflowError, MemoryError, RecursionError: comparing explodes.
    """
    target, said = clean(gold), clean(answer)
    comparison = _Comparison(rules, prove)
    opinion = comparison.cleaned(target, said)
    if rules.comma and not opinion.lenient and (turned := _SEPARATORS.match(said)):
        point = turned.group().replace(".", "").replace(",", ".")
        opinion = Opinion(False, comparison.cleaned(target, point + said[turned.end() :]).lenient)
    if opinion.strict and _copied(target, said, rules):
        return MAYBE
    return opinion


@lru_cache(4096)
def _facts(question: str) -> QuestionFacts:
    ordered = bool(
        re.search(r"\border\b|ascending|descending|smallest to|least to|greatest to|largest to|respectively|ordered", question, re.IGNORECASE)
    )
    return QuestionFacts(_units.named_in(question), squeeze(clean(question[:4000])), ordered)


def squeeze(text: str) -> str:
    """A text without blanks and braces, for finding copies.

    >>> squeeze("x^{2} + 1")
    'x^2+1'
    """
    return re.sub(rf"\\cdot|\\times|[\s{{}}{TEXT}{END}*]|\\(?=[a-z])", "", text).lower()


def _copied(gold: str, answer: str, rules: Rules) -> bool:
    """Whether an answer with an operator in it stands in the question and the gold, written differently, does not."""
    mine, target = squeeze(answer), squeeze(gold)
    if mine == target or len(mine) < 3 or not rules.facts.squeezed or not re.search(r"[-+/^=(]|frac|sqrt", mine[1:]):
        return False
    return mine in rules.facts.squeezed and not (target in rules.facts.squeezed and len(target) > 2)


@dataclass(frozen=True)
class _Comparison:
    """One comparison under one set of rules; `prove` = whether expressions may be worked out here."""

    rules: Rules
    prove: bool

    def cleaned(self, gold: str, answer: str) -> Opinion:
        """Two cleaned texts."""
        if gold and squeeze(gold) == squeeze(answer) and not re.search("[A-Z]", gold + answer):
            return YES
        opinion = self.meanings(meaning(gold), meaning(answer))
        if not opinion.lenient and (short := without_condition(answer)) != answer and short:
            opinion = Opinion(False, self.meanings(meaning(without_condition(gold)), meaning(short)).lenient)
        if not opinion.lenient and _DECIMAL_COMMA.fullmatch(gold):
            point = self.meanings(
                QuantityValue(gold.replace(",", ".")), meaning(answer.replace(",", ".") if _DECIMAL_COMMA.fullmatch(answer) else answer)
            )
            opinion = point if gold.lstrip("-").startswith("0,") else Opinion(False, point.lenient)
        return opinion

    def meanings(self, gold: Meaning, answer: Meaning) -> Opinion:
        """Two readings, of one form or of forms that may say the same."""
        rule = _RULES.get((type(gold), type(answer)))
        if rule is not None:
            return rule(self, gold, answer)
        return self.across(gold, answer)

    def across(self, gold: Meaning, answer: Meaning) -> Opinion:
        """Readings of unlike form."""
        if _says_none(gold) and _says_none(answer):
            return MAYBE
        if isinstance(gold, OptionLetter) or isinstance(answer, OptionLetter):
            return self.lettered(gold, answer)
        if isinstance(gold, RelationChain) or isinstance(answer, RelationChain):
            return self.related(gold, answer)
        if isinstance(gold, ValueList) and len(gold.items) == 1:
            return self.meanings(gold.items[0], answer)
        if isinstance(answer, ValueList) and len(answer.items) == 1:
            return self.meanings(gold, answer.items[0])
        if isinstance(gold, QuantityValue) and isinstance(answer, ValueList):
            return self.signed_pair(gold, answer)
        if isinstance(gold, ValueList) and isinstance(answer, QuantityValue):
            return self.signed_pair(answer, gold)
        if isinstance(gold, (ClockTime, ProportionValue, BasedNumber)) or isinstance(answer, (ClockTime, ProportionValue, BasedNumber)):
            return self.written(gold, answer)
        if isinstance(gold, (CompoundQuantity, QuantityValue)) and isinstance(answer, (CompoundQuantity, QuantityValue)):
            return self.compound(gold, answer)
        if isinstance(gold, WordAnswer) and isinstance(answer, QuantityValue) and not gold.marked:
            return self.expressions(_letters(gold), answer.latex)
        if isinstance(answer, WordAnswer) and isinstance(gold, QuantityValue) and not answer.marked:
            return self.expressions(gold.latex, _letters(answer))
        return self.collections(gold, answer)

    # quantities

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
        rivals = [name for name in named if _units.kind(Unit(((name, 1),), True)) == _units.kind(answer)] if len(answer.factors) == 1 else []
        return NO if rivals else MAYBE

    def converted(self, gold: QuantityValue, answer: QuantityValue) -> Opinion:
        """Two units: convertible ones, or words that name the same thing."""
        left, right = gold.unit, answer.unit
        if left is None or right is None:
            return NO
        if not (left.known and right.known):
            shared = {name for name, _ in left.factors} & {name for name, _ in right.factors}
            return MAYBE.also(self.expressions(gold.latex, answer.latex)) if shared and not (left.known or right.known) else NO
        factor = _units.conversion(right, left)
        one, other = _plain(gold.latex), _plain(answer.latex)
        if factor is None:
            return NO
        if factor == 1.0:
            return self.expressions(gold.latex, answer.latex)
        if one is None or other is None:
            return NO
        equal = _units.close(float(one.value), float(other.value) * factor)
        return Opinion(equal, equal)

    def compound(self, gold: Meaning, answer: Meaning) -> Opinion:
        """Sums of quantities, one side at least: equal parts, or equal totals."""
        left, right = (side.parts if isinstance(side, CompoundQuantity) else (side,) for side in (gold, answer))
        if len(left) == len(right) and all(isinstance(part, QuantityValue) for part in (*left, *right)):
            parts = [
                self.united(one, other) for one, other in zip(left, right) if isinstance(one, QuantityValue) and isinstance(other, QuantityValue)
            ]
            if all(part.lenient for part in parts):
                return _all(parts)
        base = left[0].unit if isinstance(left[0], QuantityValue) else None
        totals = [_total(side, base) for side in (left, right)] if base else [None]
        if None in totals:
            return NO
        equal = _units.close(float(totals[0] or 0), float(totals[1] or 0))
        return Opinion(equal, equal)

    def expressions(self, gold: str, answer: str) -> Opinion:
        """Numbers by value, other expressions by algebra; working is no answer where the gold is a number."""
        target, value = _plain(gold), _plain(answer)
        if target and value:
            equal = same(target, value)
            return Opinion(equal and not self.undone(target, answer), equal)
        if squeeze(gold) == squeeze(answer) and gold.replace(" ", "") == answer.replace(" ", ""):
            return YES
        if _side_by_side(answer) and not _side_by_side(gold):
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

    # things that are compared as written

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

    def written(self, gold: Meaning, answer: Meaning) -> Opinion:
        """A time, a ratio or a number of a base beside something else."""
        if isinstance(gold, BasedNumber) and isinstance(answer, QuantityValue) and answer.unit is None:
            return YES if answer.latex.replace(",", "") == gold.digits else NO
        if isinstance(answer, BasedNumber) and isinstance(gold, QuantityValue) and gold.latex.replace(",", "") == answer.digits:
            named = re.search(rf"base(?:-|\$|\\|\()*{answer.base}(?!\d)", self.rules.facts.squeezed)
            return YES if named else MAYBE if answer.base != 10 and gold.unit is None else NO
        for share, other in ((gold, answer), (answer, gold)):
            if isinstance(share, ProportionValue) and isinstance(other, QuantityValue) and len(share.parts) == 2 and other.unit is None:
                value, parts = _plain(other.latex), [number(part) for part in share.parts]
                if value and parts[0] and parts[1] and parts[1].value:
                    return Opinion(False, "frac" in other.latex + "frac" * ("/" in other.latex) and value.value == parts[0].value / parts[1].value)
        return NO

    def words(self, gold: WordAnswer, answer: WordAnswer) -> Opinion:
        """The same words; letters that are variables may change places, letters of a word may not."""
        left, right = (re.sub(r"\b(?:the|a|an)\s|[\s.'-]", "", side.text) for side in (gold, answer))
        if left == right:
            return YES
        if left.casefold() == right.casefold():
            inner = any(re.search(r"[a-z][A-Z]|[A-Z][A-Z]", side) for side in (left, right))
            return MAYBE if inner or len(left) < 3 else YES
        variables = not (gold.marked or answer.marked) and set(left) | set(right) <= _LETTERS_OF_VARIABLES
        return YES if variables and sorted(left) == sorted(right) else NO

    def lettered(self, gold: Meaning, answer: Meaning) -> Opinion:
        """An option's letter beside a letter, or beside the text of the option."""
        if isinstance(gold, OptionLetter) and isinstance(answer, OptionLetter):
            if gold.letter != answer.letter:
                return NO
            if not gold.rest or not answer.rest:
                return YES
            return self.cleaned(gold.rest, answer.rest)
        if isinstance(gold, OptionLetter):
            if isinstance(answer, RelationChain) and not gold.rest:
                return NO
            return self.meanings(meaning(gold.rest), answer) if gold.rest else self.letter_as_name(gold, answer)
        if isinstance(answer, OptionLetter) and answer.rest:
            return Opinion(False, self.meanings(gold, meaning(answer.rest)).lenient)
        return self.letter_as_name(answer, gold) if isinstance(answer, OptionLetter) else NO

    def letter_as_name(self, letter: OptionLetter, other: Meaning) -> Opinion:
        """A letter that is a variable after all."""
        text = other.latex if isinstance(other, QuantityValue) else ""
        return YES if text == letter.letter else MAYBE if text.upper() == letter.letter else NO

    # relations

    def chains(self, gold: RelationChain, answer: RelationChain) -> Opinion:
        """Two relations: the same value of the same name, the same interval, or the same equation."""
        left, right = _assigned(gold), _assigned(answer)
        if left and right:
            if _name(left[0]) == _name(right[0]):
                return self.meanings(meaning(left[1]), meaning(right[1]))
            return self.swapped(left, right)
        ranges = _interval(gold), _interval(answer)
        if ranges[0] and ranges[1]:
            opinion = self.brackets(ranges[0][1], ranges[1][1])
            return opinion if ranges[0][0] == ranges[1][0] else NO  # x > 1 is not y > 1
        if set(gold.signs) == set(answer.signs) == {"="} and len(gold.sides) == len(answer.sides) == 2:
            return self.equations(gold, answer)
        if len(gold.sides) == len(answer.sides) == 2 and gold.signs[0] in _TURN and answer.signs[0] in _TURN:
            return self.inequalities(gold, answer)
        if gold.signs == answer.signs and len(gold.sides) == len(answer.sides):
            return _all([self.cleaned(one, other) for one, other in zip(gold.sides, answer.sides)])
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
        return Opinion(equal, equal)

    def inequalities(self, gold: RelationChain, answer: RelationChain) -> Opinion:
        """Equal up to a factor, whose sign turns them around."""
        if not self.prove:
            raise NeedsProof
        factor = ratio((gold.sides[0], gold.sides[1]), (answer.sides[0], answer.sides[1]))
        equal = factor != 0 and gold.signs[0] == (answer.signs[0] if factor > 0 else _TURN[answer.signs[0]])
        return Opinion(equal, equal)

    def related(self, gold: Meaning, answer: Meaning) -> Opinion:
        """A relation beside something else: a named value, a membership, an interval."""
        if isinstance(gold, RelationChain):
            if assigned := _assigned(gold) or _function(gold):
                opinion = self.meanings(meaning(assigned[1]), answer)
                return opinion if _is_value(assigned[1]) and _NAME.fullmatch(assigned[0]) else Opinion(False, opinion.lenient)
            if bounds := _interval(gold):
                return self.meanings(bounds[1], answer) if not isinstance(answer, BracketedValues) or answer.left != "{" else NO
            return self.approximate(gold, answer, turned=True)
        if not isinstance(answer, RelationChain):
            return NO
        if len(answer.sides) == 2 and answer.signs[0] == r"\approx" and _NAME.fullmatch(answer.sides[0]):
            return Opinion(False, self.meanings(gold, meaning(answer.sides[1])).lenient)
        if assigned := _assigned(answer):
            opinion = self.meanings(gold, meaning(assigned[1]))
            return opinion if _NAME.fullmatch(assigned[0]) or assigned[0].startswith("(") else Opinion(False, opinion.lenient)
        if bounds := _interval(answer):
            return self.ranged(gold, bounds[1])
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
        if not set(chain.signs) <= {"=", r"\approx", r"\simeq", r"\sim"} or _assigned(chain):
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
        mine, others = _plain(left), _plain(right)
        if not (mine and others) and not self.prove:
            raise NeedsProof
        values = [float(known.value) if known else numeric_value(latex) for known, latex in ((mine, left), (others, right))]
        if values[0] is None or values[1] is None:
            return False
        slack = 1e-6 if sign == "=" else 0.02
        return bool(abs(values[0] - values[1]) <= slack * max(abs(values[0]), abs(values[1])))

    # collections

    def lists(self, gold: ValueList, answer: ValueList) -> Opinion:
        """Values in any order, unless the question asks for one; a map of names where all are named."""
        left, right = _named(gold), _named(answer)
        if left and right:
            if left.keys() != right.keys():
                return NO
            return _all([self.meanings(meaning(left[name]), meaning(right[name])) for name in left])
        mine, others = _values(gold), _values(answer)
        if left or right:
            return Opinion(False, self.in_order(mine, others).lenient)
        opinion = self.in_order(mine, others) if self.rules.facts.ordered else self.in_any_order(mine, others)
        if not opinion.lenient and not self.rules.facts.ordered and len(mine) != len(others):
            opinion = Opinion(False, self.in_any_order(tuple(dict.fromkeys(mine)), tuple(dict.fromkeys(others))).lenient)
        return opinion

    def in_order(self, gold: tuple[Meaning, ...], answer: tuple[Meaning, ...]) -> Opinion:
        """Equal one by one."""
        if len(gold) != len(answer):
            return NO
        opinion = YES
        for one, other in zip(gold, answer):
            opinion = opinion.also(self.meanings(one, other))
            if not opinion.lenient:
                return NO
        return opinion

    def in_any_order(self, gold: tuple[Meaning, ...], answer: tuple[Meaning, ...]) -> Opinion:
        """Equal as sets."""
        if len(gold) != len(answer) or len(gold) > _ALIKE:
            return NO
        left, opinion = list(answer), YES
        for one in gold:
            opinions = [self.meanings(one, other) for other in left]
            best = max(range(len(left)), key=lambda index: opinions[index])
            if not opinions[best].lenient:
                return NO
            opinion = opinion.also(opinions[best])
            left.pop(best)
        return opinion

    def signed_pair(self, gold: QuantityValue, answer: ValueList) -> Opinion:
        """\\pm written out; anything else of several values is not one value."""
        if r"\pm" not in gold.latex or len(answer.items) != 2:
            return NO
        plus, minus = (gold.latex.replace(r"\pm", sign).removeprefix("+") for sign in "+-")
        return self.in_any_order((meaning(plus), meaning(minus)), _values(answer))

    def brackets(self, gold: BracketedValues, answer: BracketedValues) -> Opinion:
        """Tuples, intervals and vectors in order with equal brackets; sets in any order."""
        if gold.left == "{" or answer.left == "{":
            return self.in_any_order(gold.items, answer.items) if gold.left == answer.left else NO
        opinion = self.in_order(gold.items, answer.items)
        if (gold.left, gold.right) == (answer.left, answer.right):
            return opinion
        infinite = [isinstance(item, QuantityValue) and "infty" in item.latex for item in gold.items]
        if len(infinite) == 2 and all(
            side or mine == other for side, mine, other in zip(infinite, (gold.left, gold.right), (answer.left, answer.right))
        ):
            return opinion
        vectors = {gold.left, answer.left} <= {"(", "<", "["} and "<" in (gold.left, answer.left)
        return Opinion(False, opinion.lenient and (vectors or len(gold.items) > 2))

    def unions(self, gold: UnionOfSets, answer: UnionOfSets) -> Opinion:
        """The same parts in any order."""
        return self.in_any_order(gold.parts, answer.parts)

    def matrices(self, gold: MatrixValue, answer: MatrixValue) -> Opinion:
        """Entry by entry."""
        if [len(row) for row in gold.rows] != [len(row) for row in answer.rows] or gold.determinant != answer.determinant:
            return NO
        return _all([self.cleaned(clean(one), clean(other)) for mine, others in zip(gold.rows, answer.rows) for one, other in zip(mine, others)])

    def collections(self, gold: Meaning, answer: Meaning) -> Opinion:
        """A list beside a set or a tuple, a vector in one form beside another, a union beside inequalities."""
        if isinstance(gold, UnionOfSets) and isinstance(answer, ValueList):
            parts = tuple(bounds[1] for item in answer.items if isinstance(item, RelationChain) and (bounds := _interval(item)))
            return self.in_any_order(gold.parts, parts) if len(parts) == len(answer.items) else NO
        if isinstance(answer, UnionOfSets) and isinstance(gold, ValueList):
            return self.collections(answer, gold)
        if isinstance(gold, MatrixValue) and isinstance(answer, UnreadAnswer):
            if not self.prove:
                raise NeedsProof
            return Opinion(self.rules.unevaluated, True) if any(same_expression(gold.latex, answer.text)) else NO
        if isinstance(gold, MatrixValue) or isinstance(answer, MatrixValue):
            left, right = _vector(gold), _vector(answer)
            return Opinion(False, self.in_order(left, right).lenient) if left and right else NO
        pair = (gold, answer) if isinstance(gold, ValueList) else (answer, gold)
        if isinstance(pair[0], ValueList) and isinstance(pair[1], BracketedValues):
            mine, others = _values(gold), _values(answer)
            if pair[1].left == "{":
                return self.in_any_order(mine, others)
            return Opinion(False, pair[1].left != "[" and self.in_order(mine, others).lenient)
        if isinstance(gold, UnreadAnswer) and isinstance(answer, UnreadAnswer):
            if not self.prove:
                raise NeedsProof
            return Opinion(False, readable(gold.text) and any(same_expression(gold.text, answer.text)))
        return NO


def _says_none(side: Meaning) -> bool:
    """Whether an answer is the empty set, in signs or in words."""
    text = side.text if isinstance(side, (WordAnswer, UnreadAnswer)) else side.latex if isinstance(side, QuantityValue) else ""
    return (
        re.fullmatch(
            r"\\(?:emptyset|varnothing)|\\\{\s*\\\}|(?:there (?:is|are) )?no (?:real )?solutions?(?: exist)?|none|(?:the )?empty set",
            text.strip(),
            re.IGNORECASE,
        )
        is not None
    )


def _loosened(value: QuantityValue) -> QuantityValue:
    return (
        QuantityValue(value.latex.rpartition(" ")[0] if "^" not in value.latex else value.latex.split(" ")[0], value.loose) if value.loose else value
    )


@lru_cache(8192)
def _plain(latex: str) -> Number | None:
    return number(latex)


def _side_by_side(latex: str) -> bool:
    """Whether numbers stand beside each other with nothing between them."""
    return re.search(r"(?<![_^\w])\d[\d.,]*\s+[\d.]|\}\s+\d", latex) is not None


def _letters(word: WordAnswer) -> str:
    return word.text if len(word.text) <= 3 else f"{TEXT}{word.text}{END}"


def _all(opinions: list[Opinion]) -> Opinion:
    return Opinion(all(opinion.strict for opinion in opinions), all(opinion.lenient for opinion in opinions))


def _total(parts: tuple[Meaning, ...], base: Unit) -> float | None:
    total = 0.0
    for part in parts:
        if not isinstance(part, QuantityValue) or part.unit is None:
            return None
        factor, value = _units.conversion(part.unit, base), number(part.latex)
        if factor is None or value is None:
            return None
        total += factor * float(value.value)
    return total


def _assigned(chain: RelationChain) -> tuple[str, str] | None:
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


def _name(text: str) -> str:
    return re.sub(r"[\s{}]", "", text)


def _is_value(latex: str) -> bool:
    """Whether the right side of a gold is a value and no formula of other letters."""
    return not re.search(r"(?<![A-Za-z\\])(?![ei](?![A-Za-z]))[A-Za-z](?![A-Za-z])", latex)


def _interval(chain: RelationChain) -> tuple[str, BracketedValues] | None:
    """(name, interval) of an inequality of one name."""
    if not chain.signs or not set(chain.signs) <= set(_TURN) or len(chain.sides) > 3:
        return None
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
    return _name(sides[at]), BracketedValues(left, (meaning(low[0]), meaning(high[0])), right)


def _named(values: ValueList) -> dict[str, str]:
    """The values of several names; {} where not each item has a name of its own."""
    pairs = [_assigned(item) if isinstance(item, RelationChain) else None for item in values.items]
    names = {_name(pair[0]): pair[1] for pair in pairs if pair}
    return names if len(names) == len(values.items) and len(names) > 1 else {}


def _values(values: Meaning) -> tuple[Meaning, ...]:
    """The items of a list without their names, \\pm written out."""
    items: list[Meaning] = []
    for item in values.items if isinstance(values, (ValueList, BracketedValues)) else (values,):
        assigned = _assigned(item) if isinstance(item, RelationChain) else None
        value = meaning(assigned[1]) if assigned else item
        if isinstance(value, QuantityValue) and value.latex.count(r"\pm") == 1:
            items.extend(meaning(value.latex.replace(r"\pm", sign).strip().removeprefix("+").strip()) for sign in "+-")
        else:
            items.append(value)
    return tuple(items)


def _vector(side: Meaning) -> tuple[Meaning, ...]:
    """The entries of a column, a row, or a tuple; () of what is none."""
    if isinstance(side, BracketedValues) and side.left in "(<[":
        return side.items
    if isinstance(side, MatrixValue) and (len(side.rows) == 1 or all(len(row) == 1 for row in side.rows)):
        return tuple(meaning(clean(cell)) for row in side.rows for cell in row)
    return ()


_RULES: dict[tuple[type, type], Callable[..., Opinion]] = {
    (QuantityValue, QuantityValue): _Comparison.quantities,
    (ClockTime, ClockTime): _Comparison.times,
    (ProportionValue, ProportionValue): _Comparison.proportions,
    (BasedNumber, BasedNumber): _Comparison.based,
    (WordAnswer, WordAnswer): _Comparison.words,
    (RelationChain, RelationChain): _Comparison.chains,
    (ValueList, ValueList): _Comparison.lists,
    (BracketedValues, BracketedValues): _Comparison.brackets,
    (UnionOfSets, UnionOfSets): _Comparison.unions,
    (MatrixValue, MatrixValue): _Comparison.matrices,
}
