"""Compare two answers by form, strictly (beyond doubt) and leniently (as a person would); algebra decides the rest.

`docs/grading.md` has the rules, one per row.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from assay.verifiers.answers.brackets import find_closing
from assay.verifiers.answers.dates import DayOfYear
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
    parse_meaning,
    strip_condition,
)
from assay.verifiers.answers.numbers import is_same_number, parse_number
from assay.verifiers.answers.plain_text import END, TEXT, clean_answer
from assay.verifiers.math.comparison import (
    MAYBE,
    NO,
    YES,
    Agreement,
    NeedsProof,
    Rules,
    combine_all,
    flatten_fractions,
    squeeze,
    squeeze_grouped,
)
from assay.verifiers.math.quantities import cached_number, has_adjacent_numbers
from assay.verifiers.math.relations import RelationComparison, normalize_name, read_assignment, read_interval
from assay.verifiers.math.symbolic import compare_latex, is_readable

_DECIMAL_COMMA = re.compile(r"-?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))")
_SEPARATORS = re.compile(r"-?\d{1,3}(?:\.\d{3})+(?:,\d+)?(?!\d)|-?\d+,\d+(?!\d)")
_LAKHS = re.compile(r"-?[1-9]\d?(?:,\d{2})+,\d{3}")  # 12,34,567: thousands as in India
_LETTERS_OF_VARIABLES = frozenset("xyzuvw")
_LETTER = re.compile(r"(?<![\\A-Za-z])[A-Za-z](?![A-Za-z])")
_NUMBER_FACTOR = re.compile(r"\(\s*[-+]?[\d.]+\s*\)")
_PRODUCT = re.compile(r"\)\s*(?:[(^]|\\cdot)|[\w}]\s*\((?=[^()]*[-+])")
_UNDEFINED = re.compile(r"DNE|undefined|not defined|(?:the limit )?does not exist|nonexistent", re.IGNORECASE)
_MAX_UNORDERED = 40  # values of a list that is compared in any order


def compare_answers(gold: str, answer: str, rules: Rules, *, prove: bool = True) -> Agreement:
    """Compare an answer with a gold answer, both as written.

    Args:
        gold: The gold answer.
        answer: The answer.
        rules: How to compare.
        prove: Whether expressions may be compared by algebra.

    Raises:
        NeedsProof: `prove` is False and expressions must be compared.
        OverflowError, MemoryError, RecursionError: Comparing them explodes.
    """
    cleaned_gold, cleaned_answer = clean_answer(gold), clean_answer(answer)
    comparison = AnswerComparison(rules, prove)
    agreement = comparison.compare_texts(cleaned_gold, cleaned_answer)
    if rules.comma and not agreement.lenient and (separated := _SEPARATORS.match(cleaned_answer)):
        point = separated.group().replace(".", "").replace(",", ".")
        agreement = Agreement(
            False, comparison.compare_texts(cleaned_gold, point + cleaned_answer[separated.end() :]).lenient
        )
    if agreement.strict and (
        _is_copied(cleaned_gold, cleaned_answer, rules)
        or (rules.facts.form and _lacks_form(cleaned_gold, cleaned_answer, rules.facts.form))
    ):
        return MAYBE
    return agreement


def _is_copied(gold: str, answer: str, rules: Rules) -> bool:
    """Return whether an answer with an operator is copied from the question, while the gold answer is not."""
    text, target = squeeze(flatten_fractions(answer)), squeeze(flatten_fractions(gold))
    if text.startswith("(") and find_closing(text, 0) == len(text) and "," not in text:
        text = text[1:-1]
    question = rules.facts.squeezed
    if text == target or len(text) < 3 or not question or not re.search(r"(?!^)[-+/^=(]|frac|sqrt", text):
        return False
    return text in question and not (target in question and len(target) > 2)


def _lacks_form(gold: str, answer: str, form: str) -> bool:
    """Return whether an expression of letters lacks the form that the question asks for and the gold answer has.

    The form is a product of factors, or one without products of brackets.
    """
    if squeeze(gold) == squeeze(answer) or not _LETTER.search(gold):
        return False
    if form == "factor":
        return answer.count("(") < gold.count("(") or _NUMBER_FACTOR.search(answer) is not None
    return _PRODUCT.search(answer) is not None and _PRODUCT.search(gold) is None


@dataclass(frozen=True)
class AnswerComparison(RelationComparison):
    """Rules for everything else, and the choice of the rule."""

    def compare_texts(self, gold: str, answer: str) -> Agreement:
        """Compare two cleaned texts."""
        if gold and gold == answer:
            return YES
        if gold and squeeze_grouped(gold) == squeeze_grouped(answer) and not re.search("[A-Z]", gold + answer):
            if has_adjacent_numbers(answer) == has_adjacent_numbers(gold):
                return YES
            left, right = parse_number(gold), parse_number(answer)
            if left and right:
                equal = is_same_number(left, right)  # 12 345 is 12345, 2 1/3 is not 21/3
                return Agreement(equal, equal)
            return MAYBE if has_adjacent_numbers(answer) and right is None else YES  # 1 2 is hardly 12
        agreement = self.compare_meanings(parse_meaning(gold), parse_meaning(answer))
        if not agreement.lenient and (unconditional := strip_condition(answer)) != answer and unconditional:
            agreement = Agreement(
                False, self.compare_meanings(parse_meaning(strip_condition(gold)), parse_meaning(unconditional)).lenient
            )
        if not agreement.lenient and _LAKHS.fullmatch(answer):
            without_commas = parse_meaning(answer.replace(",", ""))
            agreement = Agreement(False, self.compare_meanings(parse_meaning(gold), without_commas).lenient)
        if not agreement.lenient and _DECIMAL_COMMA.fullmatch(gold):
            agreement_with_point = self.compare_meanings(
                QuantityValue(gold.replace(",", ".")),
                parse_meaning(answer.replace(",", ".") if _DECIMAL_COMMA.fullmatch(answer) else answer),
            )
            agreement = (
                agreement_with_point
                if gold.lstrip("-").startswith("0,")
                else Agreement(False, agreement_with_point.lenient)
            )
        return agreement

    def compare_meanings(self, gold: Meaning, answer: Meaning) -> Agreement:
        """Compare two meanings, of one form or of forms that may say the same."""
        rule = _RULES.get((type(gold), type(answer)))
        if rule is not None:
            return rule(self, gold, answer)
        return self.compare_across(gold, answer)

    def compare_across(self, gold: Meaning, answer: Meaning) -> Agreement:
        """Compare meanings of different forms."""
        if _says_empty(gold) and _says_empty(answer):
            return MAYBE
        if isinstance(gold, ClockTime) and isinstance(answer, QuantityValue):
            return self.compare_hour(gold, answer)
        if isinstance(answer, ClockTime) and isinstance(gold, QuantityValue):
            return self.compare_hour(answer, gold)
        if isinstance(gold, QuantityValue) and isinstance(answer, DayOfYear):
            value = cached_number(gold.latex)
            return MAYBE if gold.unit is None and value is not None and value.value == answer.day else NO
        if isinstance(gold, WordAnswer) and isinstance(answer, ValueList) and re.fullmatch("[A-J]{2,}", gold.text):
            letters = [item.letter for item in answer.items if isinstance(item, OptionLetter) and not item.rest]
            return Agreement(False, sorted(letters) == sorted(gold.text) and len(letters) == len(answer.items))
        if isinstance(answer, WordAnswer) and isinstance(gold, ValueList) and re.fullmatch("[A-J]{2,}", answer.text):
            return self.compare_across(answer, gold)
        if isinstance(gold, OptionLetter) or isinstance(answer, OptionLetter):
            return self.compare_letters(gold, answer)
        if isinstance(gold, RelationChain) or isinstance(answer, RelationChain):
            return self.compare_relation(gold, answer)
        if isinstance(gold, ValueList) and len(gold.items) == 1:
            return self.compare_meanings(gold.items[0], answer)
        if isinstance(answer, ValueList) and len(answer.items) == 1:
            return self.compare_meanings(gold, answer.items[0])
        if isinstance(gold, QuantityValue) and isinstance(answer, ValueList):
            return self.compare_signed_pair(gold, answer)
        if isinstance(gold, ValueList) and isinstance(answer, QuantityValue):
            return self.compare_signed_pair(answer, gold)
        if isinstance(gold, (ClockTime, ProportionValue, BasedNumber)) or isinstance(
            answer, (ClockTime, ProportionValue, BasedNumber)
        ):
            return self.compare_coded(gold, answer)
        if isinstance(gold, (CompoundQuantity, QuantityValue)) and isinstance(
            answer, (CompoundQuantity, QuantityValue)
        ):
            return self.compare_compound(gold, answer)
        if isinstance(gold, WordAnswer) and isinstance(answer, QuantityValue) and not gold.marked:
            return self.compare_expressions(_spell_word(gold), answer.latex)
        if isinstance(answer, WordAnswer) and isinstance(gold, QuantityValue) and not answer.marked:
            return self.compare_expressions(gold.latex, _spell_word(answer))
        return self.compare_collections(gold, answer)

    def compare_hour(self, time: ClockTime, value: QuantityValue) -> Agreement:
        """Compare a full hour with a number."""
        hours = cached_number(value.latex)
        return Agreement(
            False,
            value.unit is None
            and hours is not None
            and time.minutes % 60 == 0
            and hours.value == (time.minutes // 60 - 1) % 12 + 1,
        )

    def compare_coded(self, gold: Meaning, answer: Meaning) -> Agreement:
        """Compare a time, a proportion or a number with a base with something else."""
        for coded, other in ((gold, answer), (answer, gold)):
            if isinstance(coded, BasedNumber) and coded.prefixed and isinstance(other, QuantityValue):
                value = cached_number(other.latex)  # 0x1A is 26
                return Agreement(
                    False, other.unit is None and value is not None and value.value == int(coded.digits, coded.base)
                )
        if isinstance(gold, BasedNumber) and isinstance(answer, QuantityValue) and answer.unit is None:
            return YES if answer.latex.replace(",", "") == gold.digits else NO
        if (
            isinstance(answer, BasedNumber)
            and isinstance(gold, QuantityValue)
            and gold.latex.replace(",", "") == answer.digits
        ):
            base_in_question = re.search(rf"base(?:-|\$|\\|\()*{answer.base}(?!\d)", self.rules.facts.squeezed)
            return (
                YES
                if base_in_question
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
                value, parts = cached_number(other.latex), [parse_number(part) for part in share.parts]
                if value and parts[0] and parts[1] and parts[1].value:
                    return Agreement(
                        False,
                        "frac" in other.latex + "frac" * ("/" in other.latex)
                        and value.value == parts[0].value / parts[1].value,
                    )
        return NO

    def compare_words(self, gold: WordAnswer, answer: WordAnswer) -> Agreement:
        """Compare words; letters that are variables may change places, letters of a word may not."""
        if gold.text != answer.text and (
            (_says_empty(gold) and _says_empty(answer))
            or (_UNDEFINED.fullmatch(gold.text) and _UNDEFINED.fullmatch(answer.text))
        ):
            return MAYBE
        left, right = (re.sub(r"\b(?:the|a|an)\s|[\s.'-]", "", side.text) for side in (gold, answer))
        if left == right:
            return YES
        if left.casefold() == right.casefold():
            has_inner_capital = any(re.search(r"[a-z][A-Z]|[A-Z][A-Z]", side) for side in (left, right))
            return MAYBE if has_inner_capital or len(left) < 3 else YES
        are_variables = not (gold.marked or answer.marked) and set(left) | set(right) <= _LETTERS_OF_VARIABLES
        return YES if are_variables and sorted(left) == sorted(right) else NO

    def compare_days(self, gold: DayOfYear, answer: DayOfYear) -> Agreement:
        """Compare days of the year, however they are written."""
        return YES if gold == answer else NO

    def compare_letters(self, gold: Meaning, answer: Meaning) -> Agreement:
        """Compare an option's letter with a letter, or with the text of the option."""
        if isinstance(gold, OptionLetter) and isinstance(answer, OptionLetter):
            if gold.letter != answer.letter:
                return NO
            if not gold.rest or not answer.rest:
                return YES
            return self.compare_texts(gold.rest, answer.rest)
        if isinstance(gold, OptionLetter):
            if isinstance(answer, RelationChain) and not gold.rest:
                return NO
            if gold.rest:
                return self.compare_meanings(parse_meaning(gold.rest), answer)
            return self.compare_letter_name(gold, answer)
        if isinstance(answer, OptionLetter) and answer.rest:
            return Agreement(False, self.compare_meanings(gold, parse_meaning(answer.rest)).lenient)
        return self.compare_letter_name(answer, gold) if isinstance(answer, OptionLetter) else NO

    def compare_letter_name(self, letter: OptionLetter, other: Meaning) -> Agreement:
        """Compare a letter that may be a variable after all."""
        text = other.latex if isinstance(other, QuantityValue) else ""
        return YES if text == letter.letter else MAYBE if text.upper() == letter.letter else NO

    def compare_lists(self, gold: ValueList, answer: ValueList) -> Agreement:
        """Compare lists: in any order unless the question asks for one, by name where all values are named."""
        left, right = _map_names(gold), _map_names(answer)
        if left and right:
            if left.keys() != right.keys():
                return NO
            return combine_all(
                [self.compare_meanings(parse_meaning(left[name]), parse_meaning(right[name])) for name in left]
            )
        gold_values, answer_values = _list_values(gold), _list_values(answer)
        if left or right:
            return Agreement(False, self.compare_in_order(gold_values, answer_values).lenient)
        agreement = (
            self.compare_in_order(gold_values, answer_values)
            if self.rules.facts.ordered
            else self.compare_in_any_order(gold_values, answer_values)
        )
        if not agreement.lenient and not self.rules.facts.ordered and len(gold_values) != len(answer_values):
            agreement = Agreement(
                False,
                self.compare_in_any_order(
                    tuple(dict.fromkeys(gold_values)), tuple(dict.fromkeys(answer_values))
                ).lenient,
            )
        return agreement

    def compare_in_order(self, gold: tuple[Meaning, ...], answer: tuple[Meaning, ...]) -> Agreement:
        """Compare values one by one."""
        if len(gold) != len(answer):
            return NO
        agreement = YES
        for gold_item, answer_item in zip(gold, answer):
            agreement = agreement.also(self.compare_meanings(gold_item, answer_item))
            if not agreement.lenient:
                return NO
        return agreement

    def compare_in_any_order(self, gold: tuple[Meaning, ...], answer: tuple[Meaning, ...]) -> Agreement:
        """Compare values as sets."""
        if len(gold) != len(answer) or len(gold) > _MAX_UNORDERED:
            return NO
        unmatched, agreement = list(answer), YES
        for gold_item in gold:
            agreements = [self.compare_meanings(gold_item, answer_item) for answer_item in unmatched]
            best = max(range(len(unmatched)), key=lambda index: agreements[index])
            if not agreements[best].lenient:
                return NO
            agreement = agreement.also(agreements[best])
            unmatched.pop(best)
        return agreement

    def compare_signed_pair(self, gold: QuantityValue, answer: ValueList) -> Agreement:
        """Compare \\pm with two values written out; no other list is one value."""
        if r"\pm" not in gold.latex or len(answer.items) != 2:
            return NO
        plus, minus = (gold.latex.replace(r"\pm", sign).removeprefix("+") for sign in "+-")
        return self.compare_in_any_order((parse_meaning(plus), parse_meaning(minus)), _list_values(answer))

    def compare_brackets(self, gold: BracketedValues, answer: BracketedValues) -> Agreement:
        """Compare tuples, intervals and vectors in order with equal brackets, sets in any order."""
        if gold.left == "{" or answer.left == "{":
            return self.compare_in_any_order(gold.items, answer.items) if gold.left == answer.left else NO
        agreement = self.compare_in_order(gold.items, answer.items)
        if (gold.left, gold.right) == (answer.left, answer.right):
            return agreement
        is_infinite = [isinstance(item, QuantityValue) and "infty" in item.latex for item in gold.items]
        if len(is_infinite) == 2 and all(
            open_end or gold_bracket == answer_bracket
            for open_end, gold_bracket, answer_bracket in zip(
                is_infinite, (gold.left, gold.right), (answer.left, answer.right)
            )
        ):
            return agreement
        vectors = {gold.left, answer.left} <= {"(", "<", "["} and "<" in (gold.left, answer.left)
        return Agreement(False, agreement.lenient and (vectors or len(gold.items) > 2))

    def compare_unions(self, gold: UnionOfSets, answer: UnionOfSets) -> Agreement:
        """Compare unions: the same parts in any order."""
        return self.compare_in_any_order(gold.parts, answer.parts)

    def compare_matrices(self, gold: MatrixValue, answer: MatrixValue) -> Agreement:
        """Compare matrices entry by entry."""
        if [len(row) for row in gold.rows] != [
            len(row) for row in answer.rows
        ] or gold.determinant != answer.determinant:
            return NO
        return combine_all(
            [
                self.compare_texts(clean_answer(gold_cell), clean_answer(answer_cell))
                for gold_row, answer_row in zip(gold.rows, answer.rows)
                for gold_cell, answer_cell in zip(gold_row, answer_row)
            ]
        )

    def compare_collections(self, gold: Meaning, answer: Meaning) -> Agreement:
        """Compare a list with a set or a tuple, vectors of different forms, a union with inequalities."""
        if isinstance(gold, UnionOfSets) and isinstance(answer, ValueList):
            if all(isinstance(item, BracketedValues) for item in answer.items):
                return Agreement(False, self.compare_in_any_order(gold.parts, answer.items).lenient)
            parts = tuple(
                interval[1]
                for item in answer.items
                if isinstance(item, RelationChain) and (interval := read_interval(item))
            )
            return self.compare_in_any_order(gold.parts, parts) if len(parts) == len(answer.items) else NO
        if isinstance(answer, UnionOfSets) and isinstance(gold, ValueList):
            return self.compare_collections(answer, gold)
        if isinstance(gold, MatrixValue) and isinstance(answer, UnreadAnswer):
            if not self.prove:
                raise NeedsProof
            return Agreement(self.rules.unevaluated, True) if any(compare_latex(gold.latex, answer.text)) else NO
        if isinstance(gold, MatrixValue) or isinstance(answer, MatrixValue):
            left, right = _list_entries(gold), _list_entries(answer)
            return Agreement(False, self.compare_in_order(left, right).lenient) if left and right else NO
        pair = (gold, answer) if isinstance(gold, ValueList) else (answer, gold)
        if isinstance(pair[0], ValueList) and isinstance(pair[1], BracketedValues):
            gold_values, answer_values = _list_values(gold), _list_values(answer)
            if pair[1].left == "{":
                return self.compare_in_any_order(gold_values, answer_values)
            return Agreement(False, pair[1].left != "[" and self.compare_in_order(gold_values, answer_values).lenient)
        if isinstance(gold, UnreadAnswer) and isinstance(answer, UnreadAnswer):
            if not self.prove:
                raise NeedsProof
            return Agreement(False, is_readable(gold.text) and any(compare_latex(gold.text, answer.text)))
        return NO


def _says_empty(side: Meaning) -> bool:
    """Return whether an answer is the empty set, in signs or in words."""
    text = (
        side.text
        if isinstance(side, (WordAnswer, UnreadAnswer))
        else side.latex
        if isinstance(side, QuantityValue)
        else ""
    )
    return (
        re.fullmatch(
            r"\\(?:emptyset|varnothing)|\\\{\s*\\\}|(?:there (?:is"
            r"|are) )?no (?:real )?solutions?(?: exist)?|none|(?:the )?empty set",
            text.strip(),
            re.IGNORECASE,
        )
        is not None
    )


def _spell_word(word: WordAnswer) -> str:
    return word.text if len(word.text) <= 3 else f"{TEXT}{word.text}{END}"


def _map_names(values: ValueList) -> dict[str, str]:
    """Return the values by name; {} where not every item has its own name."""
    pairs = [read_assignment(item) if isinstance(item, RelationChain) else None for item in values.items]
    names = {normalize_name(pair[0]): pair[1] for pair in pairs if pair}
    return names if len(names) == len(values.items) and len(names) > 1 else {}


def _list_values(values: Meaning) -> tuple[Meaning, ...]:
    """List the items without their names, with \\pm written out."""
    items: list[Meaning] = []
    for item in values.items if isinstance(values, (ValueList, BracketedValues)) else (values,):
        assignment = read_assignment(item) if isinstance(item, RelationChain) else None
        value = parse_meaning(assignment[1]) if assignment else item
        if isinstance(value, QuantityValue) and value.latex.count(r"\pm") == 1:
            items.extend(
                parse_meaning(value.latex.replace(r"\pm", sign).strip().removeprefix("+").strip()) for sign in "+-"
            )
        else:
            items.append(value)
    return tuple(items)


def _list_entries(side: Meaning) -> tuple[Meaning, ...]:
    """List the entries of a column, a row, or a tuple; () for anything else."""
    if isinstance(side, BracketedValues) and side.left in "(<[":
        return side.items
    if isinstance(side, MatrixValue) and (len(side.rows) == 1 or all(len(row) == 1 for row in side.rows)):
        return tuple(parse_meaning(clean_answer(cell)) for row in side.rows for cell in row)
    return ()


_RULES: dict[tuple[type, type], Callable[..., Agreement]] = {
    (QuantityValue, QuantityValue): AnswerComparison.compare_quantities,
    (ClockTime, ClockTime): AnswerComparison.compare_times,
    (DayOfYear, DayOfYear): AnswerComparison.compare_days,
    (ProportionValue, ProportionValue): AnswerComparison.compare_proportions,
    (BasedNumber, BasedNumber): AnswerComparison.compare_based,
    (WordAnswer, WordAnswer): AnswerComparison.compare_words,
    (RelationChain, RelationChain): AnswerComparison.compare_chains,
    (ValueList, ValueList): AnswerComparison.compare_lists,
    (BracketedValues, BracketedValues): AnswerComparison.compare_brackets,
    (UnionOfSets, UnionOfSets): AnswerComparison.compare_unions,
    (MatrixValue, MatrixValue): AnswerComparison.compare_matrices,
}
