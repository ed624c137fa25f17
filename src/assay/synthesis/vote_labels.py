"""`vote_labels`: label problems by the answer that most attempts agree on, with the confidence of the majority."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, Derived, SynthesisSummary
from assay.core.types import Label


@dataclass(frozen=True)
class VoteLabels:
    """Give a problem the answer of the largest group of its attempts as a label of origin `vote`.

    Attempts vote with the answer that the verifier read, as text; those without one do not vote but count, so an
    answer that few attempts reach is not sure. Confidence is the share of all attempts in the largest group, shrunk to
    (votes + 1) / (attempts + 2): 3 of 3 are less sure than 30 of 30. A label is `verified` where the gold answer
    agrees, which the summary turns into the precision of the votes by confidence; attempts that share an error agree
    on it, and only that precision shows it.

    Source: the majority step of arXiv:2407.13647 (weak-to-strong reasoning), whose thresholds on the share are .6 (drop
    below) and .8 (sure). Equal groups are told apart by the earlier sample.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted",)
    draws: ClassVar[bool] = False

    min_share: Annotated[float, Field(ge=0, le=1)] = 0.6  # of all attempts that agree; below it there is no label
    sure_share: Annotated[float, Field(ge=0, le=1)] = 0.8  # from here on a vote counts as sure in the summary
    min_attempts: Annotated[int, Field(ge=1)] = 4  # with fewer there is no label

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Derived | SynthesisSummary]:
        """Yield a label per problem whose attempts agree, and how often the gold answer agrees with them."""
        counts = Counter[str]()
        waiting: list[tuple[AttemptedProblem, str, int]] = []
        for problem in evidence.attempted():
            answer, votes = majority(problem)
            total = len(problem.attempts)
            if total < self.min_attempts or not answer or votes < self.min_share * total:
                counts["undecided"] += 1
                continue
            counts["agree"] += right_answer(problem, answer)
            if sure := votes >= self.sure_share * total:
                counts["sure_agree"] += right_answer(problem, answer)
            counts["sure"] += sure
            counts["labelled"] += 1
            waiting.append((problem, answer, votes))
            if len(waiting) == 1_000:
                yield from self._labels(evidence, waiting)
                waiting = []
        yield from self._labels(evidence, waiting)
        yield self._summary(counts)

    def _labels(self, evidence: SynthesisEvidence, voted: list[tuple[AttemptedProblem, str, int]]) -> Iterator[Derived]:
        problems = evidence.problems([item[0].problem_id for item in voted])
        for problem, answer, votes in voted:
            yield Derived(
                problems[problem.problem_id],
                Label.of(problem.problem_id, answer, verifier=problem.label.verifier, origin="vote"),
                (problem.problem_id,),
                rule="majority",
                origin="vote",
                confidence=(votes + 1) / (len(problem.attempts) + 2),
                checked=right_answer(problem, answer),
                parents=tuple(attempt.rollout_id for attempt in problem.attempts if attempt.answer == answer),
            )

    def _summary(self, counts: Counter[str]) -> SynthesisSummary:
        labelled, sure = counts["labelled"], counts["sure"]
        precision = counts["agree"] / labelled if labelled else 0.0
        sure_precision = counts["sure_agree"] / sure if sure else 0.0
        line = (
            f"{labelled} problems labelled, {counts['undecided']} undecided; the gold answer agrees with "
            f"{precision:.1%}, and with {sure_precision:.1%} of the {sure} at a share of {self.sure_share:g} or more"
        )
        values = {"labelled": labelled, "undecided": counts["undecided"], "precision": round(precision, 4)}
        return SynthesisSummary({**values, "sure": sure, "sure_precision": round(sure_precision, 4)}, (line,))


def majority(problem: AttemptedProblem) -> tuple[str, int]:
    """Return the most frequent answer of a problem's attempts and its votes; ("", 0) where none was read."""
    votes = Counter(attempt.answer for attempt in problem.attempts if attempt.answer)  # insertion order breaks ties
    return max(votes.items(), key=lambda item: item[1]) if votes else ("", 0)


def right_answer(problem: AttemptedProblem, answer: str) -> bool:
    """Return whether the attempts that gave this answer were judged right."""
    return any(attempt.correct for attempt in problem.attempts if attempt.answer == answer)
