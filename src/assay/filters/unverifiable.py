"""`unverifiable`: a gold answer that does not grade itself as correct."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import Bench, Judge
from assay.core.types import OPEN, Case, Drop, Label, Policy, Problem, Request, Rollout, Sampler, Verdict

GOLD = Policy("gold", "gold")
FORMS = ("{answer}", "\\boxed{{answer}}")  # as it stands, then as a final answer


@dataclass(frozen=True)
class Unverifiable:
    """Drops a problem with a label whose own answer, handed in as an attempt, is not judged correct: no attempt at it can be trusted.

    The answer is tried as it stands and then inside \\boxed{}; one of the two must be correct, for every label. The sentence `OPEN` of
    reasoning-gym's generators without an oracle is no gold answer: under that verifier it is not tried and the problem stays, since attempts
    are still scored; under any other it cannot be right. A problem without a label is dropped.
    """

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("judge",)

    def sift(self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: Bench) -> list[Drop]:
        """One drop a problem, in the order given; the detail holds the verifier's outcome and reason.

        Raises:
            ValueError: the bench has no judge.
        """
        if bench.judge is None:
            raise ValueError(f"no judge to grade the labels of {len(problems)} problems")
        cases = [(problem, label) for problem in problems for label in labels.get(problem.id, ()) if not _is_open(label)]
        failed: dict[str, tuple[Label, Verdict]] = {}
        for form in FORMS:
            failed = _failed(cases, form, bench.judge)
            cases = [(problem, label) for problem, label in cases if label.id in failed]
        wrong = {label.problem_id: (label, verdict) for label, verdict in failed.values()}
        drops = []
        for problem in problems:
            if problem.id in wrong:
                drops.append(Drop("clean", "unverifiable", problem.id, _told(*wrong[problem.id]), problem.source))
            elif not labels.get(problem.id):
                drops.append(Drop("clean", "unverifiable", problem.id, "no label", problem.source))
        return drops


def _is_open(label: Label) -> bool:
    return label.answer == OPEN and label.verifier == "reasoning_gym"


def _failed(cases: Sequence[tuple[Problem, Label]], form: str, judge: Judge) -> dict[str, tuple[Label, Verdict]]:
    """The labels, by id, whose answer in this form is not judged correct."""
    asked = [Case(problem, label, _attempt(label, form)) for problem, label in cases]
    verdicts = judge.judge(asked)
    return {case.label.id: (case.label, verdict) for case, verdict in zip(asked, verdicts, strict=True) if verdict.outcome != "correct"}


def _attempt(label: Label, form: str) -> Rollout:
    request = Request(label.problem_id, (), Sampler(template="{prompt}" + form), (0,), 0)
    return Rollout.of(request, 0, policy=GOLD, engine="gold", text=form.replace("{answer}", label.answer), tokens=0, finish="stop", seed=0)


def _told(label: Label, verdict: Verdict) -> str:
    reason = f" ({verdict.reason[:80]})" if verdict.reason else ""
    return f"verifier {label.verifier!r} finds {label.answer[:80]!r} {verdict.outcome} against itself{reason}"
