"""Pools of `choosing_study`: sums and differences, of which a given share has two digits and can be learnt, and three digits cannot.

A second family has products of two digits and one in the place of what can be learnt. A messy pool has wrong labels, repeats and golds that
nobody can read among what is trained on, as it comes (`raw`) or as the package's filters leave it (`clean`); what is measured is the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.core.parts import build_part
from assay.core.ports import FilterContext, Judge
from assay.core.types import Label, Problem

ALIVE = 1800  # two-digit problems to train on, the same in every pool: with 5,000 groups none of them comes more than three times
HELD_OUT = 332  # two-digit problems that are measured and never trained on, nor their twins
TENTH = 10
WRONG, REPEATED, UNREADABLE = 0.2, 0.2, 0.05  # shares of a messy pool's problems
FILTERS = ("empty", "unparsable", "conflicting_labels", "exact")  # of the package, in the order in which they clean
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


def make_pool(alive_share: float, seed: int = 5, *, family: str = "sums") -> TaskPool:
    """The pool of which `alive_share` has two digits; the alive problems and the held-out ones do not depend on the share."""
    rng = np.random.default_rng((seed, 2))
    two = list(FAMILIES[family]())
    held = [two[i] for i in rng.permutation(len(two)) if is_held_out(two[i])][:HELD_OUT]
    kept = [two[i] for i in rng.permutation(len(two)) if not is_held_out(two[i])][:ALIVE]
    dead = three_digit_tasks(round(len(kept) / alive_share) - len(kept), np.random.default_rng((seed, 3)))
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


def product_tasks() -> Iterator[Task]:
    """All products of a number of two digits and one of a single digit above 1."""
    for a in range(10, 100):
        for b in range(2, 10):
            yield a, "*", b


FAMILIES: dict[str, Callable[[], Iterator[Task]]] = {"sums": two_digit_tasks, "products": product_tasks}
ANSWERS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}


def make_messy(pool: TaskPool, seed: int = 5) -> TaskPool:
    """The pool as it would come: `WRONG` of its problems with another answer, `REPEATED` of them once more with a space before and the right
    answer, and `UNREADABLE` of them once more with an answer that no verifier reads.
    """
    rng = np.random.default_rng((seed, 4))
    ids = list(pool.problems)
    problems, labels = dict(pool.problems), dict(pool.labels)
    digits, tasks = dict(pool.digits), dict(pool.tasks)
    for id_ in rng.permutation(ids)[: round(WRONG * len(ids))].tolist():
        answer = int(labels[id_].answer) + int(rng.integers(1, 10))
        labels[id_] = Label.of(id_, str(answer), verifier="numeric")
    copies = [
        (" {}", id_, pool.labels[id_].answer) for id_ in rng.permutation(ids)[: round(REPEATED * len(ids))].tolist()
    ]
    copies += [("{} ?", id_, "?") for id_ in rng.permutation(ids)[: round(UNREADABLE * len(ids))].tolist()]
    for form, id_, answer in copies:
        problem = Problem.of(form.format(pool.problems[id_].text))
        problems[problem.id], labels[problem.id] = problem, Label.of(problem.id, answer, verifier="numeric")
        digits[problem.id], tasks[problem.id] = pool.digits[id_], pool.tasks[id_]
    return replace(pool, problems=problems, labels=labels, digits=digits, tasks=tasks)


def clean_pool(pool: TaskPool, judge: Judge) -> TaskPool:
    """What the package's filters leave of a pool's problems."""
    left = dict(pool.problems)
    for name in FILTERS:
        golds = {id_: (pool.labels[id_],) for id_ in left}
        drops = build_part("filter", name).sift(list(left.values()), golds, FilterContext(judge=judge))
        for drop in drops:
            left.pop(drop.problem_id, None)
    return replace(
        pool,
        problems=left,
        labels={id_: pool.labels[id_] for id_ in left},
        digits={id_: pool.digits[id_] for id_ in left},
        tasks={id_: pool.tasks[id_] for id_ in left},
    )


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
        labels[problem.id] = Label.of(problem.id, str(ANSWERS[op](a, b)), verifier="numeric")
    return problems, labels
