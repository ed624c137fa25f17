"""`conflicting_labels`: the same question with different gold answers."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
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

Gold = tuple[Problem, Label]
Pairs = set[frozenset[tuple[object, ...]]]  # pairs of `golds_key`s
GOLD = Policy("gold", "gold")
BOXED = SamplingConfig(template="{prompt}\\boxed{{answer}}")
MAX_COMPARED = 12  # different answers to one question that are compared in pairs; more are a conflict


@dataclass(frozen=True)
class ConflictingLabels:
    """Drop every problem of a set of equal questions whose gold answers differ, because nobody can say which is right.

    Questions are equal as in `exact`. Two answers are equal if they are numbers of the same value (1,000 = 1000.0, 1/2
    = 0.5), if they are equal in `maths.text.latex` apart from a full stop and dollar signs around them ($h=4$, $h=4$.),
    or if the verifier of one of them strictly accepts the other. Its lenient reading does not count: an answer close to
    two others does not make them equal. Two labels of one id can conflict as well, because byte-equal messages have one
    id. It compares all problems; without a judge, values and forms alone decide.
    """

    version: ClassVar[str] = "2"
    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("judge",)

    def joint_keys(self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> list[Hashable]:
        """Return one key per problem, equal for equal questions."""
        return [same_key(problem) for problem in problems]

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop]:
        """Return one drop per problem of a conflicting set, ids ascending; the detail names two answers."""
        groups: dict[object, list[Problem]] = {}
        for problem in sorted(problems, key=lambda problem: problem.id):
            groups.setdefault(same_key(problem), []).append(problem)
        with_golds = [(group, _golds(group, labels)) for group in groups.values()]
        differing = [(group, golds) for group, golds in with_golds if len({golds_key(gold) for gold in golds}) > 1]
        equal = _equal_by_judge([golds for _, golds in differing], context)
        return sorted(
            (drop for group, golds in differing for drop in _conflicts(group, golds, equal)),
            key=lambda drop: drop.problem_id,
        )


def golds_key(gold: Gold) -> tuple[object, ...]:
    """Return a key that two gold answers share if their values or normal forms are equal."""
    _, label = gold
    return tuple(sorted((str(_value(answer, label.verifier)) for answer in label.answers), key=str))


def _value(answer: str, verifier: str) -> object:
    if verifier not in FREE_TEXT:
        return answer_value(answer)
    bare = usual_form(answer).strip("$ ")
    value, form = answer_value(bare), formula_form(bare)
    if isinstance(value, Fraction):
        return value
    return answer_value(form.replace(" ", "")) if form[:1] in "-1234567890" else form


def _golds(group: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> list[Gold]:
    return sorted(
        ((problem, label) for problem in group for label in labels.get(problem.id, ())),
        key=lambda gold: (gold[0].id, gold[1].answer),
    )


def _first_of_each(golds: Sequence[Gold]) -> list[Gold]:
    """The first gold answer of each key."""
    return list({golds_key(gold): gold for gold in reversed(golds)}.values())


def _pairs(golds: Sequence[Gold]) -> Iterator[tuple[Gold, Gold]]:
    """Yield the pairs of different answers to a question, none if there are too many."""
    different = _first_of_each(golds)
    if len(different) <= MAX_COMPARED:
        yield from combinations(different, 2)


def _equal_by_judge(sets: Sequence[list[Gold]], context: FilterContext) -> Pairs:
    """Return the pairs of answers of which a verifier strictly accepts one for the other."""
    if context.judge is None:
        return set()
    pairs = [
        (gold, other)
        for golds in sets
        for a, b in _pairs(golds)
        for gold, other in ((a, b), (b, a))
        if gold[1].verifier in FREE_TEXT
    ]
    cases = [GradingCase(*gold, _rollout_of(gold[1], other[1])) for gold, other in pairs]
    verdicts = context.judge.judge(cases)
    return {
        frozenset((golds_key(gold), golds_key(other)))
        for (gold, other), verdict in zip(pairs, verdicts, strict=True)
        if verdict.outcome == "correct"
    }


def _rollout_of(label: Label, other: Label) -> Rollout:
    """The other label's answer as an attempt at this label's problem."""
    request = Request(label.problem_id, (), BOXED, (0,), 0)
    text = f"\\boxed{{{usual_form(other.answer).strip('$ ')}}}"
    return Rollout.of(request, 0, policy=GOLD, engine="gold", text=text, tokens=0, finish="stop", seed=0)


def _conflicts(group: list[Problem], golds: list[Gold], equal: Pairs) -> list[Drop]:
    def differ(gold: Gold, other: Gold) -> bool:
        a, b = golds_key(gold), golds_key(other)
        return a != b and frozenset((a, b)) not in equal

    different = _first_of_each(golds)[::-1]
    conflict = next(((gold, other) for gold, other in combinations(different, 2) if differ(gold, other)), None)
    if conflict is None:
        return []
    drops = []
    for problem in group:
        own = next((gold for gold in golds if gold[0].id == problem.id), golds[0])
        other = next((gold for gold in different if differ(own, gold)), None)
        first, second = (own, other) if other else conflict
        detail = f"{_describe(first)}, but {_describe(second)}"
        drops.append(Drop("clean", "conflicting_labels", problem.id, detail, problem.source))
    return drops


def _describe(gold: Gold) -> str:
    problem, label = gold
    return f"{label.answer[:80]!r} on {problem.id}"
