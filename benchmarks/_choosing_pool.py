"""Pools of `choosing_study`: sums and differences, of which a given share has two digits and can be learnt, and three digits cannot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.types import Label, Problem

ALIVE = 1800  # two-digit problems to train on, the same in every pool: with 5,000 groups none of them comes more than three times
HELD_OUT = 332  # two-digit problems that are measured and never trained on, nor their twins
TENTH = 10
Task = tuple[int, str, int]


@dataclass(frozen=True)
class TaskPool:
    """One pool: what may be trained on, and what is measured."""

    problems: dict[str, Problem]
    labels: dict[str, Label]
    digits: dict[str, int]  # by problem id
    tasks: dict[str, str]  # "+" or "-", by problem id
    held_out: dict[str, Problem]
    golds: dict[str, Label]  # of the held-out problems

    def of_digits(self, digits: int) -> list[str]:
        """The ids with so many digits, ascending."""
        return sorted(id_ for id_, n in self.digits.items() if n == digits)


def make_pool(alive_share: float, seed: int = 5) -> TaskPool:
    """The pool of which `alive_share` has two digits; the alive problems and the held-out ones do not depend on the share."""
    rng = np.random.default_rng((seed, 2))
    two = list(two_digit_tasks())
    held = [two[i] for i in rng.permutation(len(two)) if is_held_out(two[i])][:HELD_OUT]
    kept = [two[i] for i in rng.permutation(len(two)) if not is_held_out(two[i])][:ALIVE]
    dead = three_digit_tasks(round(ALIVE / alive_share) - ALIVE, np.random.default_rng((seed, 3)))
    problems, labels = written([*kept, *dead])
    held_problems, golds = written(held)
    ids = list(problems)
    digits = {id_: 2 if place < len(kept) else 3 for place, id_ in enumerate(ids)}
    tasks = {id_: task[1] for id_, task in zip(ids, [*kept, *dead], strict=True)}
    return TaskPool(problems, labels, digits, tasks, held_problems, golds)


def is_held_out(task: Task) -> bool:
    """One unordered pair of operands in ten, so that a sum and its twin stand on one side: the model has trained on some of them, RL on none."""
    low, high = sorted((task[0], task[2]))
    return (low * 7_919 + high * 104_729) % 1_000_003 % TENTH == 0


def two_digit_tasks() -> Iterator[Task]:
    """All sums and differences of two numbers of two digits; no answer is negative."""
    for a in range(10, 100):
        for b in range(10, 100):
            yield a, "+", b
            if a >= b:
                yield a, "-", b


def three_digit_tasks(n: int, rng: np.random.Generator) -> list[Task]:
    """n distinct sums and differences of two numbers of three digits."""
    tasks: dict[Task, None] = {}
    while len(tasks) < n:
        a, b = (int(x) for x in rng.integers(100, 1000, 2))
        tasks[(a, "+", b) if rng.random() < 0.5 else (max(a, b), "-", min(a, b))] = None
    return list(tasks)


def written(tasks: Sequence[Task]) -> tuple[dict[str, Problem], dict[str, Label]]:
    """Problems and labels by problem id, in the order of the tasks."""
    problems, labels = {}, {}
    for a, op, b in tasks:
        problem = Problem.of(f"{a}{op}{b}=")
        problems[problem.id] = problem
        labels[problem.id] = Label.of(problem.id, str(a + b if op == "+" else a - b), verifier="numeric")
    return problems, labels
