"""`clear`: keep, correct or drop a label by the policy's confidence in it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem, Verdict
from assay.maths.text.words import answer_value

_TYPESETTING = re.compile(r"\\(?:text|mathrm|textbf|mbox)\b|[{}$\s]|\\[,;! ]")


@dataclass(frozen=True)
class Clear:
    """Compare each gold answer with the policy's votes, and correct or drop it if they agree on another answer.

    Of `attempts` attempts, those that finished with an answer vote. If nobody votes for the gold answer, the commonest
    other answer decides: with a share of at least `correction_share` of all votes it becomes a new label of origin
    "corrected" (the old one stays in the lake); with a share of at least `drop_share` the problem is dropped.
    Everything else keeps its label: a split vote means that the problem is hard, not that its label is wrong. Fewer
    than `min_votes` votes decide nothing. An answer that differs from the gold answer only in blanks and \\text{} is a
    vote for it.

    Policies make the same mistakes, so use one that solves nearly all of the pool, and read what it corrects. On GSM8K,
    four models that solve .38 agreed on another answer 7 times, and 1 of the 7 labels was wrong; three of four agreed
    32 times, and no label was. The defaults ask for more.

    Problems with several labels are kept; `conflicting_labels` handles them. Answers are compared by value
    (`maths.text.words.answer_value`).

    Source: CLEAR (arXiv:2403.12776), which keeps what is above the median confidence and corrects above eta = .8. Its
    confidence combines the consistency of resampled answers with the model's judgement of them; ours is consistency
    alone, and doubt is an absolute bound.
    """

    attempts: int = 8  # attempts per problem
    correction_share: float = 1.0  # above 0, share of the votes; higher corrects fewer, above 1 none; CLEAR's eta is .8
    drop_share: float = 0.8  # (0, 1], at most `correction_share`; higher drops fewer
    min_votes: int = 6  # minimum number of votes
    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("policy",)

    def __post_init__(self) -> None:
        if not 0 < self.drop_share <= min(self.correction_share, 1) or not 1 <= self.min_votes <= self.attempts:
            raise ValueError(
                f"drop_share {self.drop_share} must be in (0, 1] and at most correction_share {self.correction_share}, "
                f"min_votes {self.min_votes} in [1, {self.attempts}]"
            )

    @property
    def changes(self) -> dict[str, Any]:
        """Fields of the policy's sampling config that differ: none, so scoring reuses the attempts."""
        return {}

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop | Label]:
        """Return new labels and drops, in the order of the problems; a drop's detail names both answers and the votes.

        Raises:
            ValueError: the context has no policy.
        """
        if context.policy is None:
            raise ValueError(f"this filter needs a policy to vote on {len(problems)} problems")
        single = [problem for problem in problems if len(labels.get(problem.id, ())) == 1]
        verdicts = context.policy.ask(single, labels, self.attempts, self.changes)
        results = [self._decide(problem, labels[problem.id][0], verdicts.get(problem.id, ())) for problem in single]
        return [result for result in results if result is not None]

    def _decide(self, problem: Problem, label: Label, verdicts: Sequence[Verdict]) -> Drop | Label | None:
        texts: dict[Fraction | str, str] = {}  # of each value, the first spelling in alphabetical order
        votes: Counter[Fraction | str] = Counter()
        for verdict in verdicts:
            if "correct" in (verdict.outcome, verdict.lenient):
                return None
            if verdict.outcome != "wrong":
                continue
            if _without_typesetting(verdict.extracted) == _without_typesetting(label.answer):
                return None
            if verdict.extracted.strip():
                value = answer_value(verdict.extracted)
                texts[value] = min(texts.get(value, verdict.extracted), verdict.extracted)
                votes[value] += 1
        if votes.total() < self.min_votes:
            return None
        value, count = min(votes.items(), key=lambda item: (-item[1], str(item[0])))
        share = count / votes.total()
        if share >= self.correction_share:
            return Label.of(problem.id, texts[value].strip(), verifier=label.verifier, origin="corrected")
        if share >= self.drop_share:
            detail = f"{count} of {votes.total()} votes for {texts[value][:80]!r}, none for {label.answer[:80]!r}"
            return Drop("clean", "doubtful_label", problem.id, detail, problem.source)
        return None


def _without_typesetting(answer: str) -> str:
    return _TYPESETTING.sub("", answer).casefold()
