"""`clear`: keep, correct or drop a label by confidence."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem, Verdict
from assay.maths.text.words import answer_value

_DRESS = re.compile(r"\\(?:text|mathrm|textbf|mbox)\b|[{}$\s]|\\[,;! ]")


@dataclass(frozen=True)
class Clear:
    """Compares each gold answer with the policy's votes: kept, corrected where the votes are sure of another answer, dropped where they doubt it.

    Of `samples` attempts, those that finished with an answer vote. Where nobody votes for the gold answer, the commonest other answer decides:
    with a share of at least `correct` of all votes it becomes a new label of origin "corrected" (the old one stays in the store), and with at
    least `doubt` the problem is a drop. All else keeps its label: a split vote says that the problem is hard, not that its label is wrong.
    Below `votes` votes nothing is said; an answer that differs from the gold one only in blanks and \\text{} is a vote for it.

    Policies err in unison, so ask one that solves nearly all of the pool, and read what it corrects: on GSM8K, four models that solve .38
    agreed on another answer 7 times, and 1 of the 7 labels was wrong; three of four agreed 32 times, and no label was. The defaults ask for more.

    Problems with several labels are kept; `conflicting_labels` is for them. Answers compare by value (`maths.text.answer_value`).
    Source: CLEAR (arXiv:2403.12776), which keeps what is above the median confidence and corrects above eta = .8. Its confidence joins the
    consistency of resampled answers with the model's own judgement of them; ours is consistency alone, and doubt is an absolute bound.
    """

    samples: int = 8  # attempts a problem
    correct: float = 1.0  # above 0, share of the votes; higher corrects fewer, above 1 none; CLEAR's eta is .8
    doubt: float = 0.8  # (0, 1], at most `correct`; higher drops fewer
    votes: int = 6  # at least, for anything to be said
    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("policy",)

    def __post_init__(self) -> None:
        if not 0 < self.doubt <= min(self.correct, 1) or not 1 <= self.votes <= self.samples:
            raise ValueError(
                f"doubt {self.doubt} must be in (0, 1] and at most correct {self.correct}, votes {self.votes} in [1, {self.samples}]"
            )

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of the policy's sampler that differ: none, so scoring reuses the attempts."""
        return {}

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop | Label]:
        """New labels and drops, in the order given; a drop's detail names both answers and the votes.

        Raises:
            ValueError: the bench has no policy.
        """
        if bench.policy is None:
            raise ValueError(f"no policy to vote on {len(problems)} problems")
        single = [problem for problem in problems if len(labels.get(problem.id, ())) == 1]
        verdicts = bench.policy.ask(single, labels, self.samples, self.changes)
        found = [self._judged(problem, labels[problem.id][0], verdicts.get(problem.id, ())) for problem in single]
        return [each for each in found if each is not None]

    def _judged(self, problem: Problem, label: Label, verdicts: Sequence[Verdict]) -> Drop | Label | None:
        said: dict[Fraction | str, str] = {}
        votes: Counter[Fraction | str] = Counter()
        for verdict in verdicts:
            if "correct" in (verdict.outcome, verdict.lenient) or (
                verdict.outcome == "wrong" and _bare(verdict.extracted) == _bare(label.answer)
            ):
                return None
            if verdict.outcome == "wrong" and verdict.extracted.strip():
                value = answer_value(verdict.extracted)
                said[value] = min(said.get(value, verdict.extracted), verdict.extracted)
                votes[value] += 1
        if votes.total() < self.votes:
            return None
        value, count = min(votes.items(), key=lambda item: (-item[1], str(item[0])))
        share = count / votes.total()
        if share >= self.correct:
            return Label.of(problem.id, said[value].strip(), verifier=label.verifier, origin="corrected")
        if share >= self.doubt:
            told = f"{count} of {votes.total()} votes for {said[value][:80]!r}, none for {label.answer[:80]!r}"
            return Drop("clean", "doubtful_label", problem.id, told, problem.source)
        return None


def _bare(answer: str) -> str:
    return _DRESS.sub("", answer).casefold()
