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
from assay.maths.text.votes import agree, clusters


@dataclass(frozen=True)
class Votes:
    """A problem's score is the share of n attempts that gave the leading answer; 0 where no attempt gave any.

    weigh = "count": the leading answer is the commonest. weigh = "likelihood": the one whose attempts are likeliest in all, each
    weighing the geometric mean of its tokens' probabilities, among the `top` commonest; the share is then a share of weight.
    `against` names another policy of the store, weak or strong: where its own commonest answer differs the score is 0, and where it
    gave none there is no score. Weak-to-strong reasoning keeps problems from .6 and is sure from .8.

    Gold answers decide nothing here: only the answer that the verifier read counts. Agreement is not correctness: voters that share an
    error agree on it. The interval is Jeffreys' for the share of attempts, and knows nothing of the leader's being chosen as the largest.

    Source: majority share and its thresholds: weak-to-strong reasoning, arXiv:2407.13647; weighted clusters:
    solution-cluster re-ranking, arXiv:2310.10047 (64 samples, top 8). Differs: likelihood in place of a trained verifier's score.
    """

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("draw_attempts",)

    n: Annotated[int, Field(ge=1)] = 10  # attempts a problem
    weigh: Literal["count", "likelihood"] = "count"
    top: Annotated[int, Field(ge=0)] = 8  # clusters, by size; 0 = all
    against: str = ""  # a policy's name or revision
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95

    def attempts(self) -> tuple[int, int]:
        """Attempts a problem, at least and at most."""
        return self.n, self.n

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]:
        """One score for each problem that has an attempt, ids ascending.

        Raises:
            ConfigError: likelihoods are asked for, and the engine gave none.
        """
        found = attempts.draw_attempts(dict.fromkeys(sorted(ids), self.n), {})
        other = (
            attempts.draw_attempts(dict.fromkeys(sorted(ids), self.n), {}, policy=self.against)
            if self.against
            else None
        )
        met = [id_ for id_ in sorted(ids) if found[id_] and (other is None or other[id_])]
        return [self._score(id_, found[id_], None if other is None else other[id_]) for id_ in met]

    def _score(self, id_: str, said: Sequence[StoredAttempt], other: Sequence[StoredAttempt] | None) -> Score:
        told = [each for each in said if each.outcome != "verifier_error"]
        weights = [1.0 if self.weigh == "count" else likelihood(id_, each) for each in told]
        ranked = clusters([each.extracted for each in told], weights, top=self.top)
        votes = ranked[0].votes if ranked else 0
        if ranked and other is not None and not _same(ranked[0].answer, other):
            votes = 0
        low, high = interval(votes, len(told) - votes, level=self.level)
        share = (ranked[0].weight / sum(weights) if self.weigh == "likelihood" else votes / len(told)) if votes else 0.0
        counts = Counts()
        for each in said:
            counts = counts.plus(each.outcome)
        return Score(
            problem_id=id_,
            scorer="votes",
            value=share,
            low=min(float(low), share),
            high=max(float(high), share),
            counts=counts,
        )


def likelihood(id_: str, said: StoredAttempt) -> float:
    """The geometric mean of an attempt's token probabilities; 0 for no token.

    Raises:
        ConfigError: the engine gave none.
    """
    if said.logprobs is None:
        raise ConfigError(
            f"scorer 'votes': sample {said.sample} of problem {id_} has no log-probabilities; policy.logprobs = true, or weigh = 'count'"
        )
    return math.exp(sum(said.logprobs) / len(said.logprobs)) if said.logprobs else 0.0


def _same(answer: str, other: Sequence[StoredAttempt]) -> bool:
    ranked = clusters([each.extracted for each in other])
    return bool(ranked) and agree(answer, ranked[0].answer)
