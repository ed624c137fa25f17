"""Whether two answers say the same, strictly (beyond doubt) and leniently (what a person would accept).

`docs/grading.md` has the rules, one per row.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from assay.verifiers.answers.brackets import closing
from assay.verifiers.answers.dates import DayOfYear
from assay.verifiers.answers.extraction import final_answer
from assay.verifiers.answers.meaning import (
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
from assay.verifiers.answers.numbers import number, same
from assay.verifiers.answers.plain_text import END, TEXT
from assay.verifiers.math.comparison import MAYBE, NO, YES, NeedsProof, Opinion, Rules, all_of, flat, grouped, squeeze
from assay.verifiers.math.quantities import plain, side_by_side
from assay.verifiers.math.relations import RelationComparison, assigned_value, bare_name, interval_of
from assay.verifiers.math.symbolic import readable, same_expression

_DECIMAL_COMMA = re.compile(r"-?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))")


_SEPARATORS = re.compile(r"-?\d{1,3}(?:\.\d{3})+(?:,\d+)?(?!\d)|-?\d+,\d+(?!\d)")

_LAKHS = re.compile(r"-?[1-9]\d?(?:,\d{2})+,\d{3}")  # 12,34,567: thousands as in India

_LETTERS_OF_VARIABLES = frozenset("xyzuvw")


_LETTER = re.compile(r"(?<![\\A-Za-z])[A-Za-z](?![A-Za-z])")
_NUMBER_FACTOR = re.compile(r"\(\s*[-+]?[\d.]+\s*\)")
_PRODUCT = re.compile(r"\)\s*(?:[(^]|\\cdot)|[\w}]\s*\((?=[^()]*[-+])")
_UNDEFINED = re.compile(r"DNE|undefined|not defined|(?:the limit )?does not exist|nonexistent", re.IGNORECASE)
_ALIKE = 40  # values of two lists that are matched in any order


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
    if opinion.strict and (
        _copied(target, said, rules) or (rules.facts.form and _unformed(target, said, rules.facts.form))
    ):
        return MAYBE
    return opinion


def _copied(gold: str, answer: str, rules: Rules) -> bool:
    """Whether an answer with an operator in it stands in the question and the gold, written differently, does not."""
    mine, target = squeeze(flat(answer)), squeeze(flat(gold))
    if mine.startswith("(") and closing(mine, 0) == len(mine) and "," not in mine:
        mine = mine[1:-1]
    if mine == target or len(mine) < 3 or not rules.facts.squeezed or not re.search(r"(?!^)[-+/^=(]|frac|sqrt", mine):
        return False
    return mine in rules.facts.squeezed and not (target in rules.facts.squeezed and len(target) > 2)


def _unformed(gold: str, answer: str, form: str) -> bool:
    """Whether an expression of letters lacks the form that the question asks for and the gold has: factors, or no product of brackets."""
    if squeeze(gold) == squeeze(answer) or not _LETTER.search(gold):
        return False
    if form == "factor":
        return answer.count("(") < gold.count("(") or _NUMBER_FACTOR.search(answer) is not None
    return _PRODUCT.search(answer) is not None and _PRODUCT.search(gold) is None


@dataclass(frozen=True)
class _Comparison(RelationComparison):
    """Rules for everything else, and which rule is asked."""

    def cleaned(self, gold: str, answer: str) -> Opinion:
        """Two cleaned texts."""
        if gold and gold == answer:
            return YES
        if gold and grouped(gold) == grouped(answer) and not re.search("[A-Z]", gold + answer):
            if side_by_side(answer) == side_by_side(gold):
                return YES
            left, right = number(gold), number(answer)
            if left and right:
                equal = same(left, right)  # 12 345 is 12345, 2 1/3 is not 21/3
                return Opinion(equal, equal)
            return MAYBE if side_by_side(answer) and right is None else YES  # 1 2 is hardly 12
        opinion = self.meanings(meaning(gold), meaning(answer))
        if not opinion.lenient and (short := without_condition(answer)) != answer and short:
            opinion = Opinion(False, self.meanings(meaning(without_condition(gold)), meaning(short)).lenient)
        if not opinion.lenient and _LAKHS.fullmatch(answer):
            opinion = Opinion(False, self.meanings(meaning(gold), meaning(answer.replace(",", ""))).lenient)
        if not opinion.lenient and _DECIMAL_COMMA.fullmatch(gold):
            point = self.meanings(
                QuantityValue(gold.replace(",", ".")),
                meaning(answer.replace(",", ".") if _DECIMAL_COMMA.fullmatch(answer) else answer),
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
        if isinstance(gold, ClockTime) and isinstance(answer, QuantityValue):
            return self.hour(gold, answer)
        if isinstance(answer, ClockTime) and isinstance(gold, QuantityValue):
            return self.hour(answer, gold)
        if isinstance(gold, QuantityValue) and isinstance(answer, DayOfYear):
            value = plain(gold.latex)
            return MAYBE if gold.unit is None and value is not None and value.value == answer.day else NO
        if isinstance(gold, WordAnswer) and isinstance(answer, ValueList) and re.fullmatch("[A-J]{2,}", gold.text):
            letters = [item.letter for item in answer.items if isinstance(item, OptionLetter) and not item.rest]
            return Opinion(False, sorted(letters) == sorted(gold.text) and len(letters) == len(answer.items))
        if isinstance(answer, WordAnswer) and isinstance(gold, ValueList) and re.fullmatch("[A-J]{2,}", answer.text):
            return self.across(answer, gold)
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
        if isinstance(gold, (ClockTime, ProportionValue, BasedNumber)) or isinstance(
            answer, (ClockTime, ProportionValue, BasedNumber)
        ):
            return self.written(gold, answer)
        if isinstance(gold, (CompoundQuantity, QuantityValue)) and isinstance(
            answer, (CompoundQuantity, QuantityValue)
        ):
            return self.compound(gold, answer)
        if isinstance(gold, WordAnswer) and isinstance(answer, QuantityValue) and not gold.marked:
            return self.expressions(_letters(gold), answer.latex)
        if isinstance(answer, WordAnswer) and isinstance(gold, QuantityValue) and not answer.marked:
            return self.expressions(gold.latex, _letters(answer))
        return self.collections(gold, answer)

    def hour(self, time: ClockTime, value: QuantityValue) -> Opinion:
        """A full hour as a number alone."""
        hours = plain(value.latex)
        return Opinion(
            False,
            value.unit is None
            and hours is not None
            and time.minutes % 60 == 0
            and hours.value == (time.minutes // 60 - 1) % 12 + 1,
        )

    def written(self, gold: Meaning, answer: Meaning) -> Opinion:
        """A time, a ratio or a number of a base beside something else."""
        for coded, other in ((gold, answer), (answer, gold)):
            if isinstance(coded, BasedNumber) and coded.prefixed and isinstance(other, QuantityValue):
                value = plain(other.latex)  # 0x1A is 26
                return Opinion(
                    False, other.unit is None and value is not None and value.value == int(coded.digits, coded.base)
                )
        if isinstance(gold, BasedNumber) and isinstance(answer, QuantityValue) and answer.unit is None:
            return YES if answer.latex.replace(",", "") == gold.digits else NO
        if (
            isinstance(answer, BasedNumber)
            and isinstance(gold, QuantityValue)
            and gold.latex.replace(",", "") == answer.digits
        ):
            named = re.search(rf"base(?:-|\$|\\|\()*{answer.base}(?!\d)", self.rules.facts.squeezed)
            return (
                YES
                if named
                else MAYBE
                if gold.unit is None and (answer.base != 10 or "base" not in self.rules.facts.squeezed)
                else NO
            )
        for share, other in ((gold, answer), (answer, gold)):
            if (
                isinstance(share, ProportionValue)
                and isinstance(other, QuantityValue)
                and len(share.parts) == 2
                and other.unit is None
            ):
                value, parts = plain(other.latex), [number(part) for part in share.parts]
                if value and parts[0] and parts[1] and parts[1].value:
                    return Opinion(
                        False,
                        "frac" in other.latex + "frac" * ("/" in other.latex)
                        and value.value == parts[0].value / parts[1].value,
                    )
        return NO

    def words(self, gold: WordAnswer, answer: WordAnswer) -> Opinion:
        """The same words; letters that are variables may change places, letters of a word may not."""
        if gold.text != answer.text and (
            (_says_none(gold) and _says_none(answer))
            or (_UNDEFINED.fullmatch(gold.text) and _UNDEFINED.fullmatch(answer.text))
        ):
            return MAYBE
        left, right = (re.sub(r"\b(?:the|a|an)\s|[\s.'-]", "", side.text) for side in (gold, answer))
        if left == right:
            return YES
        if left.casefold() == right.casefold():
            inner = any(re.search(r"[a-z][A-Z]|[A-Z][A-Z]", side) for side in (left, right))
            return MAYBE if inner or len(left) < 3 else YES
        variables = not (gold.marked or answer.marked) and set(left) | set(right) <= _LETTERS_OF_VARIABLES
        return YES if variables and sorted(left) == sorted(right) else NO

    def days(self, gold: DayOfYear, answer: DayOfYear) -> Opinion:
        """The same day, however it is written."""
        return YES if gold == answer else NO

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

    def lists(self, gold: ValueList, answer: ValueList) -> Opinion:
        """Values in any order, unless the question asks for one; a map of names where all are named."""
        left, right = _named(gold), _named(answer)
        if left and right:
            if left.keys() != right.keys():
                return NO
            return all_of([self.meanings(meaning(left[name]), meaning(right[name])) for name in left])
        mine, others = _values(gold), _values(answer)
        if left or right:
            return Opinion(False, self.in_order(mine, others).lenient)
        opinion = self.in_order(mine, others) if self.rules.facts.ordered else self.in_any_order(mine, others)
        if not opinion.lenient and not self.rules.facts.ordered and len(mine) != len(others):
            opinion = Opinion(
                False, self.in_any_order(tuple(dict.fromkeys(mine)), tuple(dict.fromkeys(others))).lenient
            )
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
            side or mine == other
            for side, mine, other in zip(infinite, (gold.left, gold.right), (answer.left, answer.right))
        ):
            return opinion
        vectors = {gold.left, answer.left} <= {"(", "<", "["} and "<" in (gold.left, answer.left)
        return Opinion(False, opinion.lenient and (vectors or len(gold.items) > 2))

    def unions(self, gold: UnionOfSets, answer: UnionOfSets) -> Opinion:
        """The same parts in any order."""
        return self.in_any_order(gold.parts, answer.parts)

    def matrices(self, gold: MatrixValue, answer: MatrixValue) -> Opinion:
        """Entry by entry."""
        if [len(row) for row in gold.rows] != [
            len(row) for row in answer.rows
        ] or gold.determinant != answer.determinant:
            return NO
        return all_of(
            [
                self.cleaned(clean(one), clean(other))
                for mine, others in zip(gold.rows, answer.rows)
                for one, other in zip(mine, others)
            ]
        )

    def collections(self, gold: Meaning, answer: Meaning) -> Opinion:
        """A list beside a set or a tuple, a vector in one form beside another, a union beside inequalities."""
        if isinstance(gold, UnionOfSets) and isinstance(answer, ValueList):
            if all(isinstance(item, BracketedValues) for item in answer.items):
                return Opinion(False, self.in_any_order(gold.parts, answer.items).lenient)
            parts = tuple(
                bounds[1] for item in answer.items if isinstance(item, RelationChain) and (bounds := interval_of(item))
            )
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
    text = (
        side.text
        if isinstance(side, (WordAnswer, UnreadAnswer))
        else side.latex
        if isinstance(side, QuantityValue)
        else ""
    )
    return (
        re.fullmatch(
            r"\\(?:emptyset|varnothing)|\\\{\s*\\\}|(?:there (?:is|are) )?no (?:real )?solutions?(?: exist)?|none|(?:the )?empty set",
            text.strip(),
            re.IGNORECASE,
        )
        is not None
    )


def _letters(word: WordAnswer) -> str:
    return word.text if len(word.text) <= 3 else f"{TEXT}{word.text}{END}"


def _named(values: ValueList) -> dict[str, str]:
    """The values of several names; {} where not each item has a name of its own."""
    pairs = [assigned_value(item) if isinstance(item, RelationChain) else None for item in values.items]
    names = {bare_name(pair[0]): pair[1] for pair in pairs if pair}
    return names if len(names) == len(values.items) and len(names) > 1 else {}


def _values(values: Meaning) -> tuple[Meaning, ...]:
    """The items of a list without their names, \\pm written out."""
    items: list[Meaning] = []
    for item in values.items if isinstance(values, (ValueList, BracketedValues)) else (values,):
        assigned = assigned_value(item) if isinstance(item, RelationChain) else None
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
    (DayOfYear, DayOfYear): _Comparison.days,
    (ProportionValue, ProportionValue): _Comparison.proportions,
    (BasedNumber, BasedNumber): _Comparison.based,
    (WordAnswer, WordAnswer): _Comparison.words,
    (RelationChain, RelationChain): _Comparison.chains,
    (ValueList, ValueList): _Comparison.lists,
    (BracketedValues, BracketedValues): _Comparison.brackets,
    (UnionOfSets, UnionOfSets): _Comparison.unions,
    (MatrixValue, MatrixValue): _Comparison.matrices,
}
