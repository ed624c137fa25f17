"""How much a policy's answers agree with each other: confidence where no gold answer is known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assay.core.errors import ConfigError
from assay.core.ports import EvidenceProvider
from assay.core.types import Counts, Score, StoredAttempt
from assay.maths.beta.posterior import interval
from assay.maths.text.votes import answer_clusters, answers_agree


@dataclass(frozen=True)
class Votes:
    """Score a problem by the share of n attempts that gave the leading answer; 0 where no attempt gave any.

    weight_by = "count": the leading answer is the commonest. weight_by = "likelihood": the one whose attempts are
    likeliest in all, each weighing the geometric mean of its tokens' probabilities, among the `top_answers` commonest;
    the share is then a share of weight. `other_policy` names another policy of the lake, weak or strong: where its own
    commonest answer differs the score is 0, and where it gave none there is no score. Weak-to-strong reasoning keeps
    problems from .6 and is sure from .8.

    Gold answers decide nothing here: only the answer that the verifier extracted counts. Agreement is not correctness:
    voters that share an error agree on it. The interval is Jeffreys' for the share of attempts, and does not know that
    the leader was chosen as the largest.

    Source: majority share and its thresholds: weak-to-strong reasoning, arXiv:2407.13647; weighted clusters:
    solution-cluster re-ranking, arXiv:2310.10047 (64 samples, top 8). Differs: likelihood in place of a trained
    verifier's score.
    """

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("draw_attempts",)

    n: Annotated[int, Field(ge=1)] = 10  # attempts per problem
    weight_by: Literal["count", "likelihood"] = "count"
    top_answers: Annotated[int, Field(ge=0)] = 8  # clusters of equal answers, the largest first; 0 = all
    other_policy: str = ""  # a policy's name or revision
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95

    def attempts(self) -> tuple[int, int]:
        """Return the attempts per problem, at least and at most."""
        return self.n, self.n

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]:
        """Return one score per problem that has an attempt, ids ascending.

        Raises:
            ConfigError: likelihoods are needed, and the engine gave none.
        """
        n_attempts = dict.fromkeys(sorted(ids), self.n)
        own = attempts.draw_attempts(n_attempts, {})
        other = attempts.draw_attempts(n_attempts, {}, policy=self.other_policy) if self.other_policy else None
        problems = [id_ for id_ in sorted(ids) if own[id_] and (other is None or other[id_])]
        return [self._score(id_, own[id_], None if other is None else other[id_]) for id_ in problems]

    def _score(self, id_: str, own: Sequence[StoredAttempt], other: Sequence[StoredAttempt] | None) -> Score:
        judged_attempts = [attempt for attempt in own if attempt.outcome != "verifier_error"]
        weights = [1.0 if self.weight_by == "count" else likelihood(id_, attempt) for attempt in judged_attempts]
        ranked = answer_clusters([attempt.extracted for attempt in judged_attempts], weights, top=self.top_answers)
        votes = ranked[0].votes if ranked else 0
        if ranked and other is not None and not _leads(ranked[0].answer, other):
            votes = 0
        low, high = interval(votes, len(judged_attempts) - votes, level=self.level)
        share = 0.0
        if votes:
            share = ranked[0].weight / sum(weights) if self.weight_by == "likelihood" else votes / len(judged_attempts)
        counts = Counts()
        for attempt in own:
            counts = counts.plus(attempt.outcome)
        return Score(
            problem_id=id_,
            scorer="votes",
            value=share,
            low=min(float(low), share),
            high=max(float(high), share),
            counts=counts,
        )


def likelihood(id_: str, attempt: StoredAttempt) -> float:
    """Return the geometric mean of an attempt's token probabilities; 0 without tokens.

    Raises:
        ConfigError: the engine gave none; names the problem, by this id.
    """
    if attempt.logprobs is None:
        raise ConfigError(
            f"scorer 'votes': sample {attempt.sample} of problem {id_} has no log-probabilities; "
            "policy.logprobs = true, or weight_by = 'count'"
        )
    return math.exp(sum(attempt.logprobs) / len(attempt.logprobs)) if attempt.logprobs else 0.0


def _leads(answer: str, attempts: Sequence[StoredAttempt]) -> bool:
    """Return whether an answer agrees with the commonest of these attempts."""
    ranked = answer_clusters([attempt.extracted for attempt in attempts])
    return bool(ranked) and answers_agree(answer, ranked[0].answer)
