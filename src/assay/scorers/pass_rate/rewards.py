"""Scores of graded rewards: the mean reward with its interval, and the posteriors by which an allocation decides."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.core.ports import RewardProvider
from assay.core.types import Counts, GradedAttempts, Outcome, Score
from assay.maths.beta.bounded_mean import betting_interval
from assay.maths.beta.reward_posterior import reward_posterior
from assay.maths.beta.two_betas import RatePrior
from assay.maths.rl.reward_signal import RewardPosterior

Histogram = tuple[tuple[float, bool, int], ...]


@dataclass(frozen=True, slots=True)
class PoolRewards:
    """The rewards of a pool's attempts, by problem id."""

    rewards_by_id: Mapping[str, tuple[tuple[float, Outcome], ...]]  # of graded attempts, by sample index
    sources: Mapping[str, str]
    bounds: tuple[float, float]  # that a reward can have

    @classmethod
    def read(
        cls, provider: object, counts_by_id: Mapping[str, Counts], counted: Callable[[Outcome], bool]
    ) -> "PoolRewards | None":
        """Read the rewards of the attempts behind these counts.

        Args:
            provider: the scorer's evidence.
            counts_by_id: of each problem; its attempts are the first ones by sample index.
            counted: whether attempts of an outcome are evidence.

        Returns:
            None where the provider knows no rewards, or where all are 1 for correct and 0 for all else.
        """
        if not isinstance(provider, RewardProvider):
            return None
        attempts: Mapping[str, GradedAttempts] = provider.attempt_rewards(
            {id_: counts.total for id_, counts in counts_by_id.items()}
        )
        if not attempts:
            return None
        counted_pairs = {id_: tuple(pair for pair in own.rewards if counted(pair[1])) for id_, own in attempts.items()}
        return cls(counted_pairs, {id_: own.source for id_, own in attempts.items()}, provider.reward_bounds)

    def histogram(self, id_: str) -> Histogram:
        """Return the attempts at one problem by reward: (reward, whether correct, attempts), ascending."""
        counts = Counter((reward, outcome == "correct") for reward, outcome in self.rewards_by_id[id_])
        return tuple((reward, correct, n) for (reward, correct), n in sorted(counts.items()))

    def posterior(self, ids: Sequence[str], belief: RatePrior) -> RewardPosterior:
        """Return the posterior of each problem's rewards, from the belief about its rate of correct attempts."""
        a, b = belief.matching_beta()
        return reward_posterior([self.histogram(id_) for id_ in ids], [self.sources[id_] for id_ in ids], a, b)

    def describe(self, scores: Sequence[Score], *, level: float) -> list[Score]:
        """Return the scores with the mean reward, its standard deviation and interval, and the histogram.

        A problem whose own rewards are 1 for correct and 0 for all else has none of these, whatever the others have.
        """
        graded_scores = [score for score in scores if self._is_graded(score.problem_id)]
        low, high = self._intervals([score.problem_id for score in graded_scores], level)
        ends = {score.problem_id: pair for score, pair in zip(graded_scores, zip(low, high, strict=True), strict=True)}
        return [
            self._describe(score, *ends[score.problem_id]) if score.problem_id in ends else score for score in scores
        ]

    def _is_graded(self, id_: str) -> bool:
        return any(reward != float(outcome == "correct") for reward, outcome in self.rewards_by_id[id_])

    def _describe(self, score: Score, low: float | None, high: float | None) -> Score:
        rewards = np.array([reward for reward, _ in self.rewards_by_id[score.problem_id]])
        return replace(
            score,
            reward_mean=float(rewards.mean()),
            reward_sd=float(rewards.std()),
            reward_low=low,
            reward_high=high,
            rewards=self.histogram(score.problem_id),
        )

    def _intervals(self, ids: Sequence[str], level: float) -> tuple[list[float | None], list[float | None]]:
        """Return the ends of the intervals; None where a reward of the problem lies out of bounds."""
        low, high = self.bounds
        rows = [[reward for reward, _ in self.rewards_by_id[id_]] for id_ in ids]
        inside = [min(row) >= low and max(row) <= high for row in rows]
        bounded = [row for row, is_inside in zip(rows, inside, strict=True) if is_inside]
        table = np.full((len(bounded), max((len(row) for row in bounded), default=0)), low)
        for place, row in enumerate(bounded):
            table[place, : len(row)] = row
        ends = iter(
            zip(*betting_interval(table, [len(row) for row in bounded], bounds=self.bounds, level=level), strict=True)
        )
        pairs = [tuple(map(float, next(ends))) if is_inside else (None, None) for is_inside in inside]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
