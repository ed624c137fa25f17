"""`unverifiable`: a gold answer that its own verifier does not accept in any usual form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext, Judge
from assay.core.types import OPEN, Drop, GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig, Verdict
from assay.maths.text.golds import FREE_TEXT, usual_form

GOLD = Policy("gold", "gold")
FORMS = ("\\boxed{{answer}}", "The answer is {answer}.")  # as models end: a box, then a sentence
AS_IT_IS = ("{answer}", "<answer>{answer}</answer>")  # what else the verifiers that are not of mathematics read
SILENT = ("code",)  # its labels are tests, which no sentence passes; `unparsable` reads them


@dataclass(frozen=True)
class Unverifiable:
    """Drops a problem with a label of which no usual form is judged correct: no attempt at it can be trusted.

    The usual forms of a gold answer are what a model writes at the end: `\\boxed{9}`, then "The answer is 9." They hold the answer alone, as
    `maths.golds.usual` takes it from "9 (apples)", a worked solution, JSON or alternatives, so that equal characters do not pass for a
    reading; one form must be correct, strictly, for every label. Verifiers of other things than mathematics (choice, exact,
    reasoning_gym, those from outside) may also be handed the answer as it stands, and in tags. Programs are not judged by sentences: labels of
    `code` stay. The sentence `OPEN` of reasoning-gym's generators without an oracle is no gold answer: under that verifier it is not tried
    and the problem stays, since attempts are still scored; under any other it cannot be right. A problem without a label is dropped.
    """

    version: ClassVar[str] = "2"
    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("judge",)

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop]:
        """One drop a problem, in the order given; the detail holds the form, and the verifier's outcome and reason.

        Raises:
            ValueError: the bench has no judge.
        """
        if bench.judge is None:
            raise ValueError(f"no judge to grade the labels of {len(problems)} problems")
        left = {
            label.id: (problem, label)
            for problem in problems
            for label in labels.get(problem.id, ())
            if not _is_silent(label)
        }
        failed: dict[str, tuple[str, Verdict]] = {}
        for form in (*FORMS, *AS_IT_IS):
            cases = [case for case in left.values() if form in FORMS or case[1].verifier not in FREE_TEXT]
            for label, said, verdict in _judged(cases, form, bench.judge):
                if verdict.outcome == "correct":
                    del left[label.id]
                else:
                    failed.setdefault(label.id, (said, verdict))
        wrong = {problem.id: (label, *failed[label.id]) for problem, label in left.values()}
        drops = []
        for problem in problems:
            if problem.id in wrong:
                drops.append(Drop("clean", "unverifiable", problem.id, _told(*wrong[problem.id]), problem.source))
            elif not labels.get(problem.id):
                drops.append(Drop("clean", "unverifiable", problem.id, "no label", problem.source))
        return drops


def trials(label: Label) -> list[Rollout]:
    """The gold answer in every usual form that its verifier reads, as attempts; none for a label that no sentence passes.

    >>> one = Problem.of("How many?")
    >>> [each.text for each in trials(Label.of(one.id, "9 (apples)", verifier="math"))]
    ['\\\\boxed{9}', 'The answer is 9.']
    """
    if _is_silent(label):
        return []
    return [_attempt(label, form) for form in (*FORMS, *AS_IT_IS) if form in FORMS or label.verifier not in FREE_TEXT]


def _is_silent(label: Label) -> bool:
    return label.verifier in SILENT or (label.answer == OPEN and label.verifier == "reasoning_gym")


def _judged(cases: Sequence[tuple[Problem, Label]], form: str, judge: Judge) -> list[tuple[Label, str, Verdict]]:
    """Each label with what was said in this form and the verdict on it."""
    asked = [GradingCase(problem, label, _attempt(label, form)) for problem, label in cases]
    return [(case.label, case.rollout.text, verdict) for case, verdict in zip(asked, judge.judge(asked), strict=True)]


def _attempt(label: Label, form: str) -> Rollout:
    answer = usual_form(label.answer) if label.verifier in FREE_TEXT else label.answers[0]
    said = answer if "$" in answer or "\\" not in answer or "box" in form or form in AS_IT_IS else f"${answer}$"
    request = Request(label.problem_id, (), _SAMPLERS[form], (0,), 0)
    return Rollout.of(
        request, 0, policy=GOLD, engine="gold", text=form.replace("{answer}", said), tokens=0, finish="stop", seed=0
    )


_SAMPLERS = {form: SamplingConfig(template="{prompt}" + form) for form in (*FORMS, *AS_IT_IS)}


def _told(label: Label, said: str, verdict: Verdict) -> str:
    reason = f" ({verdict.reason[:80]})" if verdict.reason else ""
    return f"verifier {label.verifier!r} finds {said[:80]!r} {verdict.outcome} for the gold answer {label.answer[:80]!r}{reason}"
