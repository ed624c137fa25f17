"""Scorers for the generators of reasoning-gym whose own ones evaluate text as Python, or reward what is no solution.

They give 1 where the library's give 1 for a solution, and its partial rewards. No given text reaches `eval` or `parse_expr`; the library's own
scorer is asked for every other generator.
"""

import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from assay.core.errors import require
from assay.verifiers.reasoning_gym.algebra import antiderivative, same_form
from assay.verifiers.reasoning_gym.expressions import NoExpression, arithmetic, integers, read_expression, sides
from assay.verifiers.reasoning_gym.literals import NoLiteral, read_literal

Entry = Mapping[str, Any]


class LabelUnread(ValueError):
    """What is broken is the problem or its gold answer."""


def score(generator: str, answer: str, entry: Entry) -> float:
    """The reward of an answer, 1 for a solution.

    Raises:
        LabelUnread: the entry, not the answer, cannot be read.
        Exception: whatever the library's scorer raises.
    """
    own = SCORERS.get(generator)
    if own is not None:
        return own(answer, entry)
    found = float(library_scorer(generator)(answer=answer, entry=entry))
    if found > 1:  # calendar_arithmetic divides by a gold answer that may be negative
        return float(answer.strip() == str(entry["answer"]).strip())
    return found


@lru_cache(None)
def library_scorer(generator: str) -> Callable[..., float]:
    """The scorer of a generator with its default settings; building some of them takes half a second."""
    scorer: Callable[..., float] = require("reasoning_gym.factory", extra="gym").get_score_answer_fn(generator)
    return scorer


def warm_scorers() -> None:
    """Builds every scorer, in about a second, so that no case pays for it."""
    require("reasoning_gym", extra="gym")
    for generator in require("reasoning_gym.factory", extra="gym").DATASETS:
        if (
            generator not in SCORERS and generator != "composite"
        ):  # whose items are scored by the generators that made them
            library_scorer(generator)


def _countdown(answer: str, entry: Entry) -> float:
    value, used = _worked_out(answer)
    if value is None:
        return 0.01
    solved = sorted(used) == sorted(entry["metadata"]["numbers"]) and value == entry["metadata"]["target"]
    return 1.0 if solved else 0.05


def _puzzle24(answer: str, entry: Entry) -> float:
    value, used = _worked_out(answer)
    return (
        1.0 if value == 24 and sorted(used) == sorted(entry["metadata"]["numbers"]) else 0.01
    )  # the library does not ask which numbers


def _worked_out(answer: str) -> tuple[Fraction | None, list[int]]:
    """An expression's value and numbers; behind an equals sign its value may stand once more."""
    left, right = sides(answer)
    try:
        tree = read_expression(left)
        value = arithmetic(tree)
        if right.strip() and arithmetic(read_expression(right)) != value:
            return None, []
        return value, integers(tree)
    except NoExpression:
        return None, []


def _integration(answer: str, entry: Entry) -> float:
    try:
        return float(antiderivative(answer, str(entry["metadata"]["integrand"]), str(entry["metadata"]["variable"])))
    except NoExpression as error:
        raise LabelUnread(f"integrand: {error}") from error


def _polynomial(answer: str, entry: Entry) -> float:
    try:
        return float(same_form(answer, str(entry["answer"])))
    except NoExpression as error:
        raise LabelUnread(f"gold answer: {error}") from error


def _string_insertion(answer: str, entry: Entry) -> float:
    return _listed(answer, entry["answer"], lambda items: "".join(items), 0.1)


def _spiral_matrix(answer: str, entry: Entry) -> float:
    return _listed(answer.strip(), entry["answer"].strip(), lambda items: " ".join(map(str, items)), 0.1)


def _binary_matrix(answer: str, entry: Entry) -> float:
    return _listed(answer, entry["answer"], lambda rows: "\n".join(" ".join(map(str, row)) for row in rows), 0.1)


def _n_queens(answer: str, entry: Entry) -> float:
    boards = entry["metadata"]["valid_answers"]
    if answer in boards:
        return 1.0
    return max(
        (_listed(answer, board, lambda rows: "\n".join(" ".join(row) for row in rows), 0.5) for board in boards),
        default=0.0,
    )


def _listed(answer: str, gold: str, joined: Callable[[Any], str], partly: float) -> float:
    """1 for the gold text, `partly` for a list that is it when joined."""
    if answer == gold:
        return 1.0
    try:
        return partly if joined(read_literal(answer)) == gold else 0.0
    except (NoLiteral, TypeError):
        return 0.0


def _number_sorting(answer: str, entry: Entry) -> float:
    try:
        gold = json.dumps(read_literal(entry["answer"]))  # the library evaluates what is no JSON
    except NoLiteral as error:
        raise LabelUnread(f"gold answer: {error}") from error
    return float(library_scorer("number_sorting")(answer=answer, entry={**entry, "answer": gold}))


def _bitwise_arithmetic(answer: str, entry: Entry) -> float:
    """The library evaluates the problem; the gold answer is what came out."""
    gold = _integer(str(entry["answer"]))
    if gold is None:
        raise LabelUnread("the gold answer is no integer")
    return float(_integer(answer) == gold)


def _integer(text: str) -> int | None:
    try:
        return int(text.strip(), 0) if len(text) <= 2_000 else None
    except ValueError:
        return None


def _halting(answer: str, entry: Entry) -> float:
    """The library takes every text for true."""
    return float(answer.strip().strip(".").casefold() == str(entry["answer"]).casefold())


SCORERS: Mapping[str, Callable[[str, Entry], float]] = {
    "countdown": _countdown,
    "puzzle24": _puzzle24,
    "simple_integration": _integration,
    "intermediate_integration": _integration,
    "polynomial_multiplication": _polynomial,
    "string_insertion": _string_insertion,
    "spiral_matrix": _spiral_matrix,
    "binary_matrix": _binary_matrix,
    "n_queens": _n_queens,
    "number_sorting": _number_sorting,
    "bitwise_arithmetic": _bitwise_arithmetic,
    "game_of_life_halting": _halting,
}
