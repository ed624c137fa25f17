"""`scaffold`: problems that the policy never solves become mixed by the beginning of a solution."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, Derived, SynthesisSummary, split_steps
from assay.core.types import Label, Problem


@dataclass(slots=True)
class Length:
    """The search for the length of one problem's begun answer: `low` steps are too few, `high` too many."""

    problem: Problem
    label: Label
    steps: list[str]
    source: str  # id of what the solution is: an attempt or a label
    low: int = 0
    high: int = 0
    results: dict[int, tuple[Problem, int, int]] = field(default_factory=dict)  # steps -> (problem, right, attempts)

    @property
    def next(self) -> int:
        """Return the number of steps to try next; 0 = none is left."""
        middle = (self.low + self.high) // 2
        return middle if self.high - self.low > 1 else 0


@dataclass(frozen=True)
class Scaffold:
    """Make a new problem of each hopeless one: its question with the first steps of a solution, to go on from.

    Hopeless is a problem of which at most `max_rate` of at least `min_attempts` attempts were right. The solution is
    the policy's own right attempt where there is one (self-sampled), else the field `solution` that the source kept;
    it is cut into steps behind `delimiter`. The number of steps is found by bisection: each length that is tried is
    attempted `attempts` times as the new problem that it would be, until the policy solves about `target_rate` of them.
    A length whose rate lies outside [`low`, `high`] makes no problem. The last step is never given. The attempts stay
    stored, so scoring the new problems later pays for none of them again.

    The label is the parent's. A solution of fewer than two steps cannot be begun.

    Source: arXiv:2205.14318 (self-sampled right and partly right solutions) for the beginnings; a third of right
    attempts and the bisection are ours.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted", "attempt")
    draws: ClassVar[bool] = False

    max_rate: Annotated[float, Field(ge=0, le=1)] = 0.0  # right attempts of a hopeless problem at most
    min_attempts: Annotated[int, Field(ge=1)] = 4  # with fewer a problem is not known to be hopeless
    target_rate: Annotated[float, Field(gt=0, lt=1)] = 1 / 3  # of right attempts at the new problem
    low: Annotated[float, Field(ge=0, le=1)] = 0.1  # rates of a new problem that is kept
    high: Annotated[float, Field(ge=0, le=1)] = 0.7
    attempts: Annotated[int, Field(ge=2)] = 8  # per length that is tried
    solution: str = "solution"  # a field that the source kept: the worked solution
    delimiter: Annotated[str, Field(min_length=1)] = "\n"  # ends a step
    template: str = "{problem}\n\nHere is the beginning of a solution:\n{begun}\nGo on from there."

    def __post_init__(self) -> None:
        if not self.low <= self.target_rate <= self.high:
            raise ValueError(f"target_rate = {self.target_rate:g} must lie in [{self.low:g}, {self.high:g}]")

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Derived | SynthesisSummary]:
        """Yield the new problems, and why others gave none."""
        hopeless = [problem for problem in evidence.attempted(texts=True) if self._hopeless(problem)]
        searches = self._searches(evidence, hopeless)
        while open_searches := [search for search in searches if search.next]:
            self._try_lengths(evidence, open_searches)
        n_begun = 0
        for search in searches:
            if (best := self._best(search)) is not None:
                n_begun += 1
                yield self._derived(search, best)
        counts = {"hopeless": len(hopeless), "without_solution": len(hopeless) - len(searches), "made": n_begun}
        line = (
            f"{n_begun} of {len(hopeless)} hopeless problems get a solution's beginning; {counts['without_solution']} "
            f"have no solution of two steps, {len(searches) - n_begun} no length with a rate from {self.low:g} to "
            f"{self.high:g}"
        )
        yield SynthesisSummary(counts, (line,))

    def _hopeless(self, problem: AttemptedProblem) -> bool:
        right = sum(attempt.correct for attempt in problem.attempts)
        return len(problem.attempts) >= self.min_attempts and right <= self.max_rate * len(problem.attempts)

    def _searches(self, evidence: SynthesisEvidence, hopeless: Sequence[AttemptedProblem]) -> list[Length]:
        ids = [item.problem_id for item in hopeless]
        problems, solutions = evidence.problems(ids), evidence.field(self.solution, ids)
        searches = []
        for item in hopeless:
            own = next((attempt for attempt in item.attempts if attempt.correct), None)
            text = own.text if own else str(solutions.get(item.problem_id, ""))
            steps = split_steps(text, self.delimiter)
            if len(steps) > 1:
                source = own.rollout_id if own else item.label.id
                length = Length(problems[item.problem_id], item.label, steps, source, high=len(steps))
                searches.append(length)
        return searches

    def _try_lengths(self, evidence: SynthesisEvidence, open_searches: Sequence[Length]) -> None:
        """Attempt the next length of each search as a problem, and halve what is left of it."""
        questions = [
            (self.begun_problem(search.problem, search.steps[: search.next]), search.label) for search in open_searches
        ]
        results = evidence.attempt(questions, self.attempts)
        for search, (problem, _), item in zip(open_searches, questions, results, strict=True):
            length, right = search.next, sum(attempt.correct for attempt in item.attempts)
            search.results[length] = problem, right, len(item.attempts)
            if right > self.target_rate * self.attempts:
                search.high = length
            else:
                search.low = length

    def begun_problem(self, problem: Problem, steps: Sequence[str]) -> Problem:
        """Return a problem with the beginning of a solution in its last user turn."""
        begun = "".join(steps).rstrip("\n")
        turns = list(problem.messages)
        last = max(place for place, turn in enumerate(turns) if turn.role == "user")
        text = self.template.replace("{problem}", turns[last].content).replace("{begun}", begun)
        turns[last] = turns[last]._replace(content=text)
        metadata = {**json.loads(problem.metadata), "begun_steps": len(steps)}
        return Problem.of(tuple(turns), source=problem.source, media=problem.media, metadata=metadata)

    def _best(self, search: Length) -> int | None:
        rates = {length: right / n for length, (_, right, n) in search.results.items() if n}
        usable = {length: rate for length, rate in rates.items() if self.low <= rate <= self.high and 0 < rate < 1}
        return min(usable, key=lambda length: (abs(usable[length] - self.target_rate), length), default=None)

    def _derived(self, search: Length, length: int) -> Derived:
        problem = search.results[length][0]
        label = search.label
        return Derived(
            problem,
            Label.of(problem.id, label.answer, verifier=label.verifier, origin=label.origin),
            (search.problem.id,),
            rule="begun",
            parents=(search.source,),
        )
