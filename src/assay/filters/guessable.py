"""`guessable`: an answer that takes no reasoning."""

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
MOST_TOKENS = 16
SAYS = ("yes", "no", "true", "false")
_OPTION = re.compile(r"(?:^|\s)\(?([A-J])[).:]\s", re.MULTILINE)


@dataclass(frozen=True)
class Guessable:
    """Drops a problem that the policy solves without room to reason, or that one constant answer solves along with half of the pool.

    - The policy gets `samples` attempts of at most `max_tokens` tokens at a prompt that asks for the answer alone, few-shot turns left out. A
      share solved of at least `at_least` is a drop; attempts where the verifier failed do not count.
    - While one answer is gold for at least `modal` of the pool's problems, and for at least `modal_rows`, those problems are drops.
    - Each drop says what invites guessing: yes_no, choice (a lettered option), zero_one, in_prompt (the gold stands in the prompt). These
      flags alone are no reason, since half of all word problems hold a number that is also some answer; `flags` lists those that shall be.

    Pools all problems (for the constant answer).
    Source: Big-Math (arXiv:2502.17387) marks multiple choice, yes/no and true/false questions by rule and by model and leaves them out or
    makes them open-ended; the measured pass rate in their place is ours.
    """

    samples: int = 4  # attempts a problem
    at_least: float = 0.5  # (0, 1], share solved; higher drops fewer
    max_tokens: int = MOST_TOKENS  # at most 16: more is room to reason
    template: str = "{prompt}\n\nGive only the final answer, without any explanation."
    modal: float = 0.5  # (0, 1], share of the pool; higher drops fewer
    modal_rows: int = 20  # problems; below it no answer is called a habit of the pool
    flags: tuple[Flag, ...] = ()  # flags that are enough for a drop
    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("policy",)

    def __post_init__(self) -> None:
        if not 1 <= self.max_tokens <= MOST_TOKENS or self.samples < 1 or self.modal_rows < 2:
            raise ValueError(
                f"max_tokens {self.max_tokens} must be 1 to {MOST_TOKENS}, samples {self.samples} at least 1, modal_rows {self.modal_rows} at least 2"
            )
        if not 0 < self.at_least <= 1 or not 0 < self.modal <= 1 or "{prompt}" not in self.template:
            raise ValueError(
                f"at_least {self.at_least} and modal {self.modal} must be in (0, 1], and the template must hold {{prompt}}"
            )

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of the policy's sampler that differ."""
        return {"max_tokens": self.max_tokens, "template": self.template, "shots": (), "system": ""}

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop]:
        """One drop a guessable problem, ids ascending; the detail holds the counts and the flags.

        Raises:
            ValueError: the bench has no policy.
        """
        if bench.policy is None:
            raise ValueError(f"no policy to guess at {len(problems)} problems")
        ordered = sorted(problems, key=lambda each: each.id)
        verdicts = bench.policy.ask(ordered, labels, self.samples, self.changes)
        why = {
            problem.id: self._why(problem, labels.get(problem.id, ()), verdicts.get(problem.id, ()))
            for problem in ordered
        }
        rest = [problem for problem in ordered if not why[problem.id]]
        why |= self._habits(rest, labels)
        return [
            Drop("clean", "guessable", each.id, why[each.id] + _told(each, labels), each.source)
            for each in ordered
            if why[each.id]
        ]

    def _why(self, problem: Problem, labels: Sequence[Label], verdicts: Sequence[Verdict]) -> str:
        judged = [verdict for verdict in verdicts if verdict.outcome != "verifier_error"]
        solved = sum(verdict.outcome == "correct" for verdict in judged)
        if judged and solved >= self.at_least * len(judged):
            return f"{solved} of {len(judged)} guesses of {self.max_tokens} tokens are right"
        found = sorted({flag for label in labels for flag in invitations(problem, label)} & set(self.flags))
        return f"the answer's form: {found[0]}" if found else ""

    def _habits(self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> dict[str, str]:
        """Problems, by id, that a constant answer solves; looked for again in what is left until no answer wins that often."""
        golds = {each.id: _gold(labels[each.id][0]) for each in problems if labels.get(each.id)}
        found: dict[str, str] = {}
        while golds:
            answer, count = min(Counter(golds.values()).items(), key=lambda item: (-item[1], str(item[0])))
            if count < max(self.modal_rows, self.modal * len(golds)):
                break
            told = f"{answer} is the answer of {count} of {len(golds)} problems"
            found |= {id_: told for id_, gold in golds.items() if gold == answer}
            golds = {id_: gold for id_, gold in golds.items() if gold != answer}
        return found


def invitations(problem: Problem, label: Label) -> list[Flag]:
    """What in the form of a problem and its gold answer invites guessing, ascending.

    >>> one = Problem.of("Is 7 prime? Answer 0 or 1.")
    >>> invitations(one, Label.of(one.id, "1", verifier="math"))
    ['in_prompt', 'zero_one']
    """
    answer, text = normal_form(label.answer), normal_form(problem.text)
    bare = answer.strip("() .").casefold()
    found: list[Flag] = []
    if label.verifier == "choice" or (
        len(bare) == 1 and bare in "abcdefghij" and bare.upper() in _OPTION.findall(problem.text)
    ):
        found.append("choice")
    if answer and re.search(
        rf"(?<![\w.-]){re.escape(answer)}(?![\w]|\.\d)" if answer[0] != "-" else re.escape(answer), text
    ):
        found.append("in_prompt")
    if bare in SAYS:
        found.append("yes_no")
    if answer_value(label.answer) in (Fraction(0), Fraction(1)):
        found.append("zero_one")
    return found


def _gold(label: Label) -> Fraction | str:
    value = answer_value(label.answer)
    return value.casefold() if isinstance(value, str) and value.casefold() in SAYS else value


def _told(problem: Problem, labels: Mapping[str, Sequence[Label]]) -> str:
    flags = sorted({flag for label in labels.get(problem.id, ()) for flag in invitations(problem, label)})
    return f"; {', '.join(flags)}" if flags else ""
