"""Scorers that replace those of reasoning-gym which evaluate text as Python, or reward what is not a solution.

They give 1 where the library gives 1 for a solution, and the library's partial rewards. No text of an answer reaches
`eval` or `parse_expr`. Every other generator is scored by the library's own scorer.
"""

import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from assay.core.errors import require
from assay.verifiers.reasoning_gym.algebra import is_antiderivative, is_same_polynomial
from assay.verifiers.reasoning_gym.expressions import (
    ExpressionError,
    evaluate_arithmetic,
    list_integers,
    read_expression,
    split_equation,
)
from assay.verifiers.reasoning_gym.literals import LiteralError, read_literal

Entry = Mapping[str, Any]


class LabelError(ValueError):
    """The problem or its gold answer is broken, not the answer."""


def score_answer(generator: str, answer: str, entry: Entry) -> float:
    """Score an answer to a generated problem; 1 is a solution.

    Args:
        generator: The generator's name in reasoning-gym.
        answer: The final answer.
        entry: The generated entry, with the label's answer in its place.

    Raises:
        LabelError: The entry, not the answer, cannot be read.
        Exception: Whatever the library's scorer raises.
    """
    scorer = SCORERS.get(generator)
    if scorer is not None:
        return scorer(answer, entry)
    reward = float(load_library_scorer(generator)(answer=answer, entry=entry))
    if reward > 1:  # calendar_arithmetic divides by a gold answer that may be negative
        return float(answer.strip() == str(entry["answer"]).strip())
    return reward


@lru_cache(None)
def load_library_scorer(generator: str) -> Callable[..., float]:
    """Return the library's scorer of a generator with its default settings; building some takes half a second."""
    scorer: Callable[..., float] = require("reasoning_gym.factory", extra="gym").get_score_answer_fn(generator)
    return scorer


def warm_scorers() -> None:
    """Build every scorer, in about a second, so that no case has to wait for it."""
    require("reasoning_gym", extra="gym")
    for generator in require("reasoning_gym.factory", extra="gym").DATASETS:
        # its entries are scored by the generators that made them
        if generator not in SCORERS and generator != "composite":
            load_library_scorer(generator)


def _score_countdown(answer: str, entry: Entry) -> float:
    value, numbers = _evaluate_answer(answer)
    if value is None:
        return 0.01
    is_solved = sorted(numbers) == sorted(entry["metadata"]["numbers"]) and value == entry["metadata"]["target"]
    return 1.0 if is_solved else 0.05


def _score_puzzle24(answer: str, entry: Entry) -> float:
    value, numbers = _evaluate_answer(answer)
    # the library does not check which numbers are used
    return 1.0 if value == 24 and sorted(numbers) == sorted(entry["metadata"]["numbers"]) else 0.01


def _evaluate_answer(answer: str) -> tuple[Fraction | None, list[int]]:
    """Return the value and the numbers of an expression; its value may follow once more after an equals sign."""
    left, right = split_equation(answer)
    try:
        tree = read_expression(left)
        value = evaluate_arithmetic(tree)
        if right.strip() and evaluate_arithmetic(read_expression(right)) != value:
            return None, []
        return value, list_integers(tree)
    except ExpressionError:
        return None, []


def _score_integration(answer: str, entry: Entry) -> float:
    try:
        return float(is_antiderivative(answer, str(entry["metadata"]["integrand"]), str(entry["metadata"]["variable"])))
    except ExpressionError as error:
        raise LabelError(f"integrand: {error}") from error


def _score_polynomial(answer: str, entry: Entry) -> float:
    try:
        return float(is_same_polynomial(answer, str(entry["answer"])))
    except ExpressionError as error:
        raise LabelError(f"gold answer: {error}") from error


def _score_string_insertion(answer: str, entry: Entry) -> float:
    return _score_list(answer, entry["answer"], lambda items: "".join(items), 0.1)


def _score_spiral_matrix(answer: str, entry: Entry) -> float:
    return _score_list(answer.strip(), entry["answer"].strip(), lambda items: " ".join(map(str, items)), 0.1)


def _score_binary_matrix(answer: str, entry: Entry) -> float:
    return _score_list(answer, entry["answer"], lambda rows: "\n".join(" ".join(map(str, row)) for row in rows), 0.1)


def _score_n_queens(answer: str, entry: Entry) -> float:
    boards = entry["metadata"]["valid_answers"]
    if answer in boards:
        return 1.0
    return max(
        (_score_list(answer, board, lambda rows: "\n".join(" ".join(row) for row in rows), 0.5) for board in boards),
        default=0.0,
    )


def _score_list(answer: str, gold: str, join: Callable[[Any], str], partial_reward: float) -> float:
    """Return 1 for the gold text, and the partial reward for a list that gives the gold text when joined."""
    if answer == gold:
        return 1.0
    try:
        return partial_reward if join(read_literal(answer)) == gold else 0.0
    except (LiteralError, TypeError):
        return 0.0


def _score_number_sorting(answer: str, entry: Entry) -> float:
    try:
        gold = json.dumps(read_literal(entry["answer"]))  # the library evaluates what is not JSON
    except LiteralError as error:
        raise LabelError(f"gold answer: {error}") from error
    return float(load_library_scorer("number_sorting")(answer=answer, entry={**entry, "answer": gold}))


def _score_bitwise_arithmetic(answer: str, entry: Entry) -> float:
    """Compare with the gold answer, which is the result; the library would evaluate the problem."""
    gold = _parse_integer(str(entry["answer"]))
    if gold is None:
        raise LabelError("the gold answer is no integer")
    return float(_parse_integer(answer) == gold)


def _parse_integer(text: str) -> int | None:
    try:
        return int(text.strip(), 0) if len(text) <= 2_000 else None
    except ValueError:
        return None


def _score_halting(answer: str, entry: Entry) -> float:
    """Compare with the gold answer; the library takes every text for true."""
    return float(answer.strip().strip(".").casefold() == str(entry["answer"]).casefold())


SCORERS: Mapping[str, Callable[[str, Entry], float]] = {
    "countdown": _score_countdown,
    "puzzle24": _score_puzzle24,
    "simple_integration": _score_integration,
    "intermediate_integration": _score_integration,
    "polynomial_multiplication": _score_polynomial,
    "string_insertion": _score_string_insertion,
    "spiral_matrix": _score_spiral_matrix,
    "binary_matrix": _score_binary_matrix,
    "n_queens": _score_n_queens,
    "number_sorting": _score_number_sorting,
    "bitwise_arithmetic": _score_bitwise_arithmetic,
    "game_of_life_halting": _score_halting,
}
