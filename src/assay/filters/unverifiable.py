"""`unverifiable`: gold answers that their own verifier accepts in no usual form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext, Judge
from assay.core.types import OPEN, Drop, GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig, Verdict
from assay.maths.text.golds import FREE_TEXT, usual_form

GOLD = Policy("gold", "gold")
FORMS = ("\\boxed{{answer}}", "The answer is {answer}.")  # how models end: with a box, or with a sentence
PLAIN_FORMS = ("{answer}", "<answer>{answer}</answer>")  # also tried for verifiers that do not judge mathematics
NOT_TRIED = ("code",)  # its labels are tests, which no sentence passes; `unparsable` reads them
SAMPLING_CONFIGS = {form: SamplingConfig(template="{prompt}" + form) for form in (*FORMS, *PLAIN_FORMS)}


@dataclass(frozen=True)
class Unverifiable:
    """Drop a problem with a label of which no usual form is judged correct: no verdict on it can be trusted.

    The usual forms of a gold answer are what a model writes at the end: `\\boxed{9}`, then "The answer is 9." They hold
    the answer alone, as `maths.text.golds.usual_form` takes it from "9 (apples)", a worked solution, JSON or
    alternatives, so that equality of the raw characters proves nothing; one form must be correct, strictly, for every
    label. Verifiers of other things than mathematics (choice, exact, reasoning_gym, those from outside) may also get
    the answer as it is, and in tags.

    Labels of `code` stay, because sentences say nothing about programs. The sentence `OPEN` of reasoning-gym's
    generators without an oracle is not a gold answer: under that verifier it is not tried and the problem stays, since
    attempts can still be scored; under any other verifier it cannot be right. A problem without a label is dropped.
    """

    version: ClassVar[str] = "2"
    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("judge",)

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop]:
        """Return one drop per problem, in their order; the detail holds the form, the verdict's outcome and its reason.

        Raises:
            ValueError: the context has no judge.
        """
        if context.judge is None:
            raise ValueError(f"this filter needs a verifier to grade the gold answers of {len(problems)} problems")
        pending = {
            label.id: (problem, label)
            for problem in problems
            for label in labels.get(problem.id, ())
            if not _is_not_tried(label)
        }
        failures: dict[str, tuple[str, Verdict]] = {}
        for form in (*FORMS, *PLAIN_FORMS):
            pairs = [pair for pair in pending.values() if form in FORMS or pair[1].verifier not in FREE_TEXT]
            for label, text, verdict in _judge_form(pairs, form, context.judge):
                if verdict.outcome == "correct":
                    del pending[label.id]
                else:
                    failures.setdefault(label.id, (text, verdict))
        rejections = {problem.id: (label, *failures[label.id]) for problem, label in pending.values()}
        drops = []
        for problem in problems:
            if problem.id in rejections:
                detail = _describe(*rejections[problem.id])
                drops.append(Drop("clean", "unverifiable", problem.id, detail, problem.source))
            elif not labels.get(problem.id):
                drops.append(Drop("clean", "unverifiable", problem.id, "no label", problem.source))
        return drops


def gold_rollouts(label: Label) -> list[Rollout]:
    """Return the gold answer as attempts, one per usual form that its verifier reads; none if it is not tried.

    >>> problem = Problem.of("How many?")
    >>> [rollout.text for rollout in gold_rollouts(Label.of(problem.id, "9 (apples)", verifier="math"))]
    ['\\\\boxed{9}', 'The answer is 9.']
    """
    if _is_not_tried(label):
        return []
    forms = FORMS if label.verifier in FREE_TEXT else (*FORMS, *PLAIN_FORMS)
    return [_gold_rollout(label, form) for form in forms]


def _is_not_tried(label: Label) -> bool:
    return label.verifier in NOT_TRIED or (label.answer == OPEN and label.verifier == "reasoning_gym")


def _judge_form(pairs: Sequence[tuple[Problem, Label]], form: str, judge: Judge) -> list[tuple[Label, str, Verdict]]:
    """Return each label with its text in this form and the verdict on it."""
    cases = [GradingCase(problem, label, _gold_rollout(label, form)) for problem, label in pairs]
    return [(case.label, case.rollout.text, verdict) for case, verdict in zip(cases, judge.judge(cases), strict=True)]


def _gold_rollout(label: Label, form: str) -> Rollout:
    answer = usual_form(label.answer) if label.verifier in FREE_TEXT else label.answers[0]
    if "\\" in answer and "$" not in answer and "box" not in form and form not in PLAIN_FORMS:
        answer = f"${answer}$"
    request = Request(label.problem_id, (), SAMPLING_CONFIGS[form], (0,), 0)
    text = form.replace("{answer}", answer)
    return Rollout.of(request, 0, policy=GOLD, engine="gold", text=text, tokens=0, finish="stop", seed=0)


def _describe(label: Label, text: str, verdict: Verdict) -> str:
    reason = f" ({verdict.reason[:80]})" if verdict.reason else ""
    outcome = f"finds {text[:80]!r} {verdict.outcome} for the gold answer {label.answer[:80]!r}"
    return f"verifier {label.verifier!r} {outcome}{reason}"
