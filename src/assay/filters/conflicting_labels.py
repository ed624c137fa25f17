"""`conflicting_labels`: one question, two gold answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig
from assay.maths.text.golds import FREE_TEXT, usual_form
from assay.maths.text.latex import formula_form
from assay.maths.text.normal_form import same_key
from assay.maths.text.words import answer_value

GOLD = Policy("gold", "gold")
SAYS = SamplingConfig(template="{prompt}\\boxed{{answer}}")
MOST = 12  # different answers to one question that are compared pair by pair; more are a conflict


@dataclass(frozen=True)
class ConflictingLabels:
    """Drops every problem of a set that `exact` calls the same, where their gold answers differ, for no one can say which is right.

    Two answers are one where they are numbers of equal value (1,000 = 1000.0, 1/2 = 0.5), or equal as `maths.latex` writes them but for a full
    stop and dollar signs around them ($h=4$, $h=4$.), or where the verifier of one of them strictly accepts the other; its lenient reading has
    no say, since what is nearly equal to two answers makes them no one. Two labels of one id count as well: byte-equal messages have one
    id. Pools all problems; without a judge, values and forms alone decide.
    """

    version: ClassVar[str] = "2"
    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("judge",)

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop]:
        """One drop a problem of a conflicting set, ids ascending; the detail names two answers and where each stands."""
        groups: dict[object, list[Problem]] = {}
        for problem in sorted(problems, key=lambda each: each.id):
            groups.setdefault(same_key(problem), []).append(problem)
        read = [(group, _golds(group, labels)) for group in groups.values()]
        sets = [
            (group, golds) for group, golds in read if len(golds) > 1 and len({golds_key(gold) for gold in golds}) > 1
        ]
        equal = _accepted([golds for _, golds in sets], bench)
        return sorted(
            (drop for group, golds in sets for drop in _conflicts(group, golds, equal)),
            key=lambda drop: drop.problem_id,
        )


def golds_key(gold: tuple[Problem, Label]) -> tuple[object, ...]:
    """What two golds share that are one without asking a verifier: the values or the normal forms of their answers."""
    _, label = gold
    return tuple(sorted((str(_value(answer, label.verifier)) for answer in label.answers), key=str))


def _value(answer: str, verifier: str) -> object:
    if verifier not in FREE_TEXT:
        return answer_value(answer)
    bare = usual_form(answer).strip("$ ")
    value, form = answer_value(bare), formula_form(bare)
    return (
        value
        if isinstance(value, Fraction)
        else answer_value(form.replace(" ", ""))
        if form[:1] in "-1234567890"
        else form
    )


def _golds(group: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> list[tuple[Problem, Label]]:
    return sorted(
        ((problem, label) for problem in group for label in labels.get(problem.id, ())),
        key=lambda gold: (gold[0].id, gold[1].answer),
    )


def _pairs(golds: Sequence[tuple[Problem, Label]]) -> Iterator[tuple[tuple[Problem, Label], tuple[Problem, Label]]]:
    """One pair for each two different answers of a question."""
    first = {golds_key(gold): gold for gold in reversed(golds)}
    if len(first) <= MOST:
        yield from combinations(first.values(), 2)


def _accepted(sets: Sequence[list[tuple[Problem, Label]]], bench: FilterContext) -> set[frozenset[tuple[object, ...]]]:
    """Pairs of answers of which a verifier strictly accepts one for the other."""
    if bench.judge is None:
        return set()
    pairs = [
        (one, other)
        for golds in sets
        for a, b in _pairs(golds)
        for one, other in ((a, b), (b, a))
        if one[1].verifier in FREE_TEXT
    ]
    verdicts = bench.judge.judge([GradingCase(*one, _said(one[1], other[1])) for one, other in pairs])
    return {
        frozenset((golds_key(a), golds_key(b)))
        for (a, b), verdict in zip(pairs, verdicts, strict=True)
        if verdict.outcome == "correct"
    }


def _said(label: Label, other: Label) -> Rollout:
    text = f"\\boxed{{{usual_form(other.answer).strip('$ ')}}}"
    return Rollout.of(
        Request(label.problem_id, (), SAYS, (0,), 0),
        0,
        policy=GOLD,
        engine="gold",
        text=text,
        tokens=0,
        finish="stop",
        seed=0,
    )


def _conflicts(
    group: list[Problem], golds: list[tuple[Problem, Label]], equal: set[frozenset[tuple[object, ...]]]
) -> list[Drop]:
    def differ(one: tuple[Problem, Label], other: tuple[Problem, Label]) -> bool:
        a, b = golds_key(one), golds_key(other)
        return a != b and frozenset((a, b)) not in equal

    first = list({golds_key(gold): gold for gold in reversed(golds)}.values())[::-1]  # one of each answer
    found = next(((one, other) for one, other in combinations(first, 2) if differ(one, other)), None)
    if found is None:
        return []
    drops = []
    for problem in group:
        own = next((gold for gold in golds if gold[0].id == problem.id), golds[0])
        other = next((gold for gold in first if differ(own, gold)), None)
        one, other = (own, other) if other else found
        drops.append(
            Drop("clean", "conflicting_labels", problem.id, f"{_told(one)}, but {_told(other)}", problem.source)
        )
    return drops


def _told(gold: tuple[Problem, Label]) -> str:
    problem, label = gold
    return f"{label.answer[:80]!r} on {problem.id}"
