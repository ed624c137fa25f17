"""`conflicting_labels`: one question, two gold answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import Bench
from assay.core.types import Drop, Label, Problem
from assay.maths.text import answer_value, normal_key


@dataclass(frozen=True)
class ConflictingLabels:
    """Drops every problem of a set that `exact` calls the same, where their gold answers differ, for no one can say which is right.

    Answers that are numbers compare by value (1,000 = 1000.0, 1/2 = 0.5), others by their normal form; letter case counts, and answers
    that are equal only by algebra (x+1, 1+x) differ. Two labels of one id count as well: byte-equal messages have one id. Pools all problems.
    """

    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()

    def sift(self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: Bench) -> list[Drop]:
        """One drop a problem of a conflicting set, ids ascending; the detail names two answers and where each stands."""
        groups: dict[object, list[Problem]] = {}
        for problem in sorted(problems, key=lambda each: each.id):
            groups.setdefault(normal_key(problem), []).append(problem)
        drops = [drop for group in groups.values() for drop in _conflicts(group, labels)]
        return sorted(drops, key=lambda drop: drop.problem_id)


def _conflicts(group: list[Problem], labels: Mapping[str, Sequence[Label]]) -> list[Drop]:
    golds = sorted((problem.id, label.answer) for problem in group for label in labels.get(problem.id, ()))
    if len({answer_value(answer) for _, answer in golds}) < 2:
        return []
    drops = []
    for problem in group:
        own = next((gold for gold in golds if gold[0] == problem.id), golds[0])
        other = next(gold for gold in golds if answer_value(gold[1]) != answer_value(own[1]))
        drops.append(Drop("clean", "conflicting_labels", problem.id, f"{_told(own)}, but {_told(other)}", problem.source))
    return drops


def _told(gold: tuple[str, str]) -> str:
    id_, answer = gold
    return f"{answer[:80]!r} on {id_}"
