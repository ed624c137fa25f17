"""`guessable`: answers that take no reasoning."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Literal

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem, Verdict
from assay.maths.text.words import answer_value, normal_form

Flag = Literal["yes_no", "choice", "zero_one", "in_prompt"]
MAX_TOKENS = 16
YES_NO = ("yes", "no", "true", "false")
_OPTION = re.compile(r"(?:^|\s)\(?([A-J])[).:]\s", re.MULTILINE)


@dataclass(frozen=True)
class Guessable:
    """Drop a problem that the policy solves without reasoning, or that a constant answer solves.

    - The policy makes `attempts` attempts of at most `max_tokens` tokens with a prompt that asks for the answer alone,
      without few-shot turns. A solved share of at least `min_solved_share` is a drop; attempts where the verifier
      failed do not count.
    - While one answer is the gold answer of at least `modal_share` of the pool's problems, and of at least
      `modal_min_problems`, those problems are drops.
    - Each drop says what invites guessing: yes_no, choice (a lettered option), zero_one, in_prompt (the prompt holds
      the gold answer). By default these flags alone are no reason, because half of all word problems hold a number that
      is also some answer; `flags` lists those that are.

    It compares all problems, for the constant answer.

    Source: Big-Math (arXiv:2502.17387) marks multiple choice, yes/no and true/false questions by rule and by model and
    leaves them out or makes them open-ended; the measured pass rate in their place is ours.
    """

    attempts: int = 4  # attempts per problem
    min_solved_share: float = 0.5  # (0, 1], share solved; higher drops fewer
    max_tokens: int = MAX_TOKENS  # at most 16: more is room to reason
    template: str = "{prompt}\n\nGive only the final answer, without any explanation."
    modal_share: float = 0.5  # (0, 1], share of the pool; higher drops fewer
    modal_min_problems: int = 20  # problems; a constant answer to fewer is no drop
    flags: tuple[Flag, ...] = ()  # flags that suffice for a drop
    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("policy",)

    def __post_init__(self) -> None:
        if not 1 <= self.max_tokens <= MAX_TOKENS or self.attempts < 1 or self.modal_min_problems < 2:
            raise ValueError(
                f"max_tokens {self.max_tokens} must be 1 to {MAX_TOKENS}, attempts {self.attempts} at least 1, "
                f"modal_min_problems {self.modal_min_problems} at least 2"
            )
        if not 0 < self.min_solved_share <= 1 or not 0 < self.modal_share <= 1 or "{prompt}" not in self.template:
            raise ValueError(
                f"min_solved_share {self.min_solved_share} and modal_share {self.modal_share} must be in (0, 1], "
                "and the template must hold {prompt}"
            )

    @property
    def changes(self) -> dict[str, Any]:
        """Fields of the policy's sampling config that differ."""
        return {"max_tokens": self.max_tokens, "template": self.template, "shots": (), "system": ""}

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop]:
        """Return one drop per guessable problem, ids ascending; the detail holds the counts and the flags.

        Raises:
            ValueError: the context has no policy.
        """
        if context.policy is None:
            raise ValueError(f"this filter needs a policy to guess at {len(problems)} problems")
        problems_by_id = sorted(problems, key=lambda problem: problem.id)
        verdicts = context.policy.ask(problems_by_id, labels, self.attempts, self.changes)
        details = {
            problem.id: self._detail(problem, labels.get(problem.id, ()), verdicts.get(problem.id, ()))
            for problem in problems_by_id
        }
        remaining = [problem for problem in problems_by_id if not details[problem.id]]
        details |= self._constant_answers(remaining, labels)
        return [
            Drop("clean", "guessable", problem.id, details[problem.id] + _flag_list(problem, labels), problem.source)
            for problem in problems_by_id
            if details[problem.id]
        ]

    def _detail(self, problem: Problem, labels: Sequence[Label], verdicts: Sequence[Verdict]) -> str:
        """Say why a problem is guessable by itself; "" if it is not."""
        judgements = [verdict for verdict in verdicts if verdict.outcome != "verifier_error"]
        n_solved = sum(verdict.outcome == "correct" for verdict in judgements)
        if judgements and n_solved >= self.min_solved_share * len(judgements):
            return f"{n_solved} of {len(judgements)} guesses of {self.max_tokens} tokens are right"
        flags = sorted({flag for label in labels for flag in guess_flags(problem, label)} & set(self.flags))
        return f"the answer's form: {flags[0]}" if flags else ""

    def _constant_answers(self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> dict[str, str]:
        """Return the problems, by id, that a constant answer solves; repeat on the rest until no answer is common."""
        golds = {problem.id: _gold_value(labels[problem.id][0]) for problem in problems if labels.get(problem.id)}
        details: dict[str, str] = {}
        while golds:
            answer, count = min(Counter(golds.values()).items(), key=lambda item: (-item[1], str(item[0])))
            if count < max(self.modal_min_problems, self.modal_share * len(golds)):
                break
            detail = f"{answer} is the answer of {count} of {len(golds)} problems"
            details |= {id_: detail for id_, gold in golds.items() if gold == answer}
            golds = {id_: gold for id_, gold in golds.items() if gold != answer}
        return details


def guess_flags(problem: Problem, label: Label) -> list[Flag]:
    """Return what in the form of a problem and its gold answer invites guessing, in alphabetical order.

    >>> problem = Problem.of("Is 7 prime? Answer 0 or 1.")
    >>> guess_flags(problem, Label.of(problem.id, "1", verifier="math"))
    ['in_prompt', 'zero_one']
    """
    answer, text = normal_form(label.answer), normal_form(problem.text)
    bare = answer.strip("() .").casefold()
    is_letter = len(bare) == 1 and bare in "abcdefghij"
    flags: list[Flag] = []
    if label.verifier == "choice" or (is_letter and bare.upper() in _OPTION.findall(problem.text)):
        flags.append("choice")
    if answer and re.search(
        rf"(?<![\w.-]){re.escape(answer)}(?![\w]|\.\d)" if answer[0] != "-" else re.escape(answer), text
    ):
        flags.append("in_prompt")
    if bare in YES_NO:
        flags.append("yes_no")
    if answer_value(label.answer) in (Fraction(0), Fraction(1)):
        flags.append("zero_one")
    return flags


def _gold_value(label: Label) -> Fraction | str:
    value = answer_value(label.answer)
    return value.casefold() if isinstance(value, str) and value.casefold() in YES_NO else value


def _flag_list(problem: Problem, labels: Mapping[str, Sequence[Label]]) -> str:
    flags = sorted({flag for label in labels.get(problem.id, ()) for flag in guess_flags(problem, label)})
    return f"; {', '.join(flags)}" if flags else ""
