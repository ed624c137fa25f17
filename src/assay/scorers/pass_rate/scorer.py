"""The share of attempts that a policy gets right, as integer counts and a posterior; never a bare rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.core.ports import RolloutProvider, WaveProvider
from assay.core.types import Counts, Outcome, Score
from assay.maths.allocation.adaptive_allocation import PoolEvidence
from assay.maths.allocation.embedding_prior import fit_embedding_prior
from assay.maths.beta.paired_rates import fit_joint_rates, prior_given
from assay.maths.beta.posterior import PRIORS, interval, mean, posterior
from assay.maths.beta.two_betas import RatePrior, fit_rate_prior
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
from assay.maths.rl.reward_signal import RewardPosterior
from assay.scorers.pass_rate.allocation import Allocation, Goal, Ints, WaveCounts, expected_attempts, run_allocation
from assay.scorers.pass_rate.enough import EnoughRule, expected_enough, run_enough
from assay.scorers.pass_rate.rewards import PoolRewards

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class PassRate:
    """Score a problem by the mean of its Beta posterior over graded attempts, with the equal-tailed interval.

    `allocation` controls how attempts are spent. `fixed`: `n` per problem. `two_stage`: `min_attempts` per problem,
    then up to `max_attempts` for the `top_up_fraction` of problems where more attempts help most. `adaptive`: waves of
    `attempts_per_wave` for the problems whose next attempts are worth most per token. The goal of both is the best
    `budget` problems by expected signal of groups of `group_size`, and `adaptive` stops when completing all problems
    would add at most `stop_gain` of the value and a fitted prior knows the value of the chosen to `signal_error`. With
    `goal = "band"` the goal is to know which problems lie in [low, high], and sampling stops when no problem's chance
    of being put on the wrong side would fall by more than `stop_error` with all the attempts that are left. `enough`
    reads the pool in its order and stops once `budget` problems have right and wrong answers beside each other:
    `min_attempts` per problem, once `attempts_per_wave` more where reading on promises less, by the prior that the pool
    has shown so far. It need not read the pool to its end, and hands what it knows of the rest on: with a fitted prior
    a problem that was never attempted has the score of the prior, and so a place in what follows (`posterior` starts
    from there). Only complete waves count, and decisions are functions of these alone. After adaptive stopping c / n is
    biased, so only the posterior is given; pass@k needs `fixed` (`maths/rl/pass_at_k.py`).

    Priors: `jeffreys` and `uniform`; `fitted` to the pool's own counts, a Beta (or two) with point masses at 0 and 1;
    `predicted` from each problem's vector by a ridge fitted on other problems' outcomes; `policy:NAME` from the stored
    attempts of another policy of the lake, such as the checkpoint before, through what both policies' counts show of
    each other over the pool. The score's `prior` holds the numbers; `beta_a` and `beta_b` match the posterior's mean
    and variance.

    Attempts whose verifier or engine failed are evidence of nothing and enter no posterior. Truncated ones are left out
    too ("ignore"), or count as failures ("wrong", DART-Math's rule, arXiv:2407.13690, sec. 3), as the trainer treats
    them: in a config `policy.truncated` says which. The counts keep the four outcomes apart in either case. With
    `at_length`, answers longer than that many tokens are cut there and judged again.

    A problem without any attempt has no score. One whose attempts were all truncated and ignored, or failed has the
    score of the prior, over [0, 1].

    Where rewards are graded, a score also has the mean reward of the attempts with an interval that holds at any n
    (`maths/beta/bounded_mean.py`) and their histogram. The value stays the rate of correct attempts, and `two_stage`
    and `adaptive` decide by the signal of the rewards (`maths/allocation/graded_allocation.py`).

    Differs from the pass rates of Big-Math, Open-R1 and open-instruct: those store c / n, which loses the uncertainty
    and counts a truncated or unjudged attempt as a wrong one.
    """

    n: Count = 8  # attempts per problem, of the fixed allocation
    # jeffreys, uniform, fitted, predicted, or policy:NAME, another policy of the lake
    prior: Annotated[str, Field(pattern=r"^(jeffreys|uniform|fitted|predicted|policy:.+)$")] = "jeffreys"
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95  # posterior mass inside [low, high]
    truncated: Literal["ignore", "wrong"] = "ignore"
    at_length: Count | None = None  # tokens; None = the sampling configuration's own limit
    allocation: Literal["fixed", "two_stage", "adaptive", "enough"] = "fixed"
    goal: Literal["select", "band"] = "select"
    # Problems, or below 1 a share of the pool; None = `select.budget`.
    budget: Annotated[float, Field(ge=0)] | None = None
    group_size: Annotated[int, Field(ge=2)] | None = None  # G; None = `train.group_size`
    # Of graded rewards: "mixed", the chance that a group's rewards differ, or "sd", their expected standard deviation;
    # None = the one by which `train.objective` learns.
    signal: Literal["mixed", "sd"] | None = None
    low: Share = 0.2  # of the band, pass rates
    high: Share = 0.8
    # Share of wrong sides beyond those of `max_attempts` per problem; .5 = decide at once.
    stop_error: Annotated[float, Field(ge=0, le=0.5)] = 0.004
    stop_gain: Annotated[float, Field(ge=0)] = 0.007  # share of the value; more stops earlier
    # Of prior "fitted" and 0/1 rewards: attempts on the chosen problems go on while the standard error of their summed
    # signal by the prior's fit is above this share of it; 0 = stop by `gain` alone.
    signal_error: Annotated[float, Field(ge=0)] = 0.04
    min_attempts: Count = 2  # attempts that every problem gets before anything is decided
    max_attempts: Count = 64  # attempts that one problem may get
    attempts_per_wave: Count = 2  # attempts between two decisions about a problem
    # share of the pool in one wave; less decides more often
    wave_fraction: Annotated[float, Field(gt=0, le=1)] = 1 / 16
    top_up_fraction: Share = 0.25  # share of the pool that the second of two stages tops up

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"the band [low, high] = [{self.low}, {self.high}] is empty")
        if self.allocation == "enough" and (self.goal == "band" or self.prior == "predicted" or self.against):
            raise ValueError('allocation "enough" needs goal "select", and prior fitted, jeffreys or uniform')
        if self.min_attempts > self.max_attempts:
            raise ValueError(f"min_attempts = {self.min_attempts} is above max_attempts = {self.max_attempts}")

    @property
    def joint(self) -> bool:
        """Whether a problem's score depends on the others: the pool decides its attempts or its prior."""
        return self.allocation != "fixed" or self.prior not in PRIORS

    @property
    def against(self) -> str:
        """The other policy whose attempts the prior reads; "" = none."""
        return self.prior.removeprefix("policy:") if self.prior.startswith("policy:") else ""

    @property
    def apart(self) -> bool:
        """Whether a problem's attempts are decided by its own alone, so that many workers can score one pool."""
        return (self.allocation == "fixed" or self.goal == "band") and self.prior in ("jeffreys", "uniform")

    @property
    def counts_alone(self) -> bool:
        """Whether a problem's score is that of its counts, whatever the other problems' are."""
        return not self.joint and self.at_length is None

    @property
    def sized_by_plan(self) -> tuple[str, ...]:
        """Settings that other tables of the configuration fill where they are not given."""
        is_needed = self.allocation != "fixed" and self.goal == "select"
        return tuple(name for name in ("budget", "group_size") if is_needed and getattr(self, name) is None)

    def attempts(self) -> tuple[int, int]:
        """Return the least and the most attempts that one problem may get."""
        return (self.n, self.n) if self.allocation == "fixed" else (self.min_attempts, self.max_attempts)

    def expected(self, counts: Sequence[Counts], problems: int) -> float:
        """Return the expected attempts per problem.

        Args:
            counts: Of a pilot on some problems of the pool.
            problems: Size of the pool.
        """
        if self.allocation == "fixed" or not problems:
            return float(self.n)
        prior = fit_rate_prior([pilot.correct for pilot in counts], [self._wrong(pilot) for pilot in counts])
        if self.allocation == "enough":
            return expected_enough(problems, self._enough(problems), prior)
        return expected_attempts(problems, self._allocation(), self._goal(problems), prior)

    def score(self, ids: Sequence[str], attempts: RolloutProvider) -> list[Score]:
        """Return one score per problem that has an attempt, ids ascending.

        Args:
            ids: The pool.
            attempts: Gives stored attempts and samples missing ones; a `WaveProvider` where the allocation or the
                prior needs it.

        Raises:
            ValueError: an allocation that selects has no budget or no group size.
        """
        pool = sorted(ids)
        counts_by_id = (
            self._sample_fixed(pool, attempts)
            if self.allocation == "fixed"
            else self._sample_waves(pool, cast(WaveProvider, attempts))
        )
        attempted_counts = {id_: counts for id_, counts in counts_by_id.items() if counts.total}
        scores = self._score_all(attempted_counts, attempts)
        if self.allocation == "enough" and self.prior == "fitted" and attempted_counts:
            scores = sorted([*scores, *self._score_rest(pool, attempted_counts)], key=lambda score: score.problem_id)
        rewards = None if self.at_length else PoolRewards.read(attempts, attempted_counts, self.counts_outcome)
        return scores if rewards is None else rewards.describe(scores, level=self.level)

    def _score_all(self, attempted_counts: dict[str, Counts], attempts: RolloutProvider) -> list[Score]:
        if not self.joint:
            return [self.score_counts(id_, counts) for id_, counts in attempted_counts.items()]
        right, wrong = (
            [counts.correct for counts in attempted_counts.values()],
            [self._wrong(c) for c in attempted_counts.values()],
        )
        prior = self._fit_prior(PoolEvidence.of(right, wrong), list(attempted_counts), attempts)
        return self._score_jointly(list(attempted_counts), list(attempted_counts.values()), prior)

    def _sample_fixed(self, ids: list[str], attempts: RolloutProvider) -> dict[str, Counts]:
        n_attempts = dict.fromkeys(ids, self.n)
        counts_by_id = (
            attempts.draw(n_attempts)
            if self.at_length is None
            else cast(WaveProvider, attempts).draw_truncated(n_attempts, self.at_length)
        )
        return {id_: counts_by_id[id_] for id_ in ids}

    def _sample_waves(self, ids: list[str], attempts: WaveProvider) -> dict[str, Counts]:
        counts_by_id: dict[str, Counts] = {}

        def sample(rows: Ints, wanted: Ints) -> WaveCounts:
            targets = {ids[row]: int(n) for row, n in zip(rows, wanted, strict=True)}
            stats_by_id = attempts.draw_first(targets, at_length=self.at_length)
            counts_by_id.update((id_, stats.counts) for id_, stats in stats_by_id.items())
            complete = np.array([row for row in rows if ids[row] in stats_by_id], dtype=np.int64)
            table = [
                (stats.counts.correct, self._wrong(stats.counts), stats.counts.total, stats.tokens)
                for stats in (stats_by_id[ids[row]] for row in complete)
            ]
            right, wrong, n_attempts, tokens = np.array(table, dtype=np.int64).reshape(-1, 4).T
            return complete, right, wrong, n_attempts, tokens

        def fit(evidence: PoolEvidence, rows: Ints) -> RatePrior:
            return self._fit_prior(evidence, [ids[row] for row in rows], attempts)

        def rewards(evidence: PoolEvidence, prior: RatePrior, rows: Ints) -> RewardPosterior | None:
            own = [ids[row] for row in rows]
            pool = (
                None
                if self.at_length
                else PoolRewards.read(attempts, {id_: counts_by_id[id_] for id_ in own}, self.counts_outcome)
            )
            return None if pool is None else pool.posterior(own, prior.posterior(evidence.correct, evidence.wrong))

        if self.allocation == "enough":
            run_enough(len(ids), self._enough(len(ids)), sample, fit)
        else:
            run_allocation(len(ids), self._allocation(), self._goal(len(ids)), sample, fit, rewards)
        return {id_: counts_by_id[id_] for id_ in ids if id_ in counts_by_id}

    def _score_rest(self, pool: Sequence[str], attempted_counts: dict[str, Counts]) -> list[Score]:
        """Return the score of the prior for the problems that were never attempted."""
        rest = [id_ for id_ in pool if id_ not in attempted_counts]
        prior = fit_rate_prior(
            [c.correct for c in attempted_counts.values()], [self._wrong(c) for c in attempted_counts.values()]
        )
        return self._score_jointly(rest, [Counts()] * len(rest), prior)

    def _enough(self, problems: int) -> EnoughRule:
        return EnoughRule(
            self._goal(problems).budget,
            self.min_attempts,
            self.attempts_per_wave,
            self.max_attempts,
            self.wave_fraction,
        )

    def _goal(self, problems: int) -> Goal:
        if self.goal == "band":
            return Goal(0, 8, self.low, self.high, self.stop_error)
        if self.budget is None or self.group_size is None:
            raise ValueError(
                f"allocation {self.allocation!r} decides which problems are selected, so it needs budget and "
                "group_size, which come from [select]"
            )
        budget = round(self.budget * problems) if self.budget < 1 else round(self.budget)
        return Goal(
            max(1, min(budget, problems)),
            self.group_size,
            stop_gain=self.stop_gain,
            signal_error=self.signal_error if self.prior == "fitted" else 0.0,
            signal=self.signal or "mixed",
        )

    def _allocation(self) -> Allocation:
        kind: Literal["two_stage", "adaptive"] = "two_stage" if self.allocation == "two_stage" else "adaptive"
        return Allocation(
            kind,
            self.min_attempts,
            self.max_attempts,
            self.attempts_per_wave,
            self.wave_fraction,
            self.top_up_fraction,
        )

    def counts_outcome(self, outcome: Outcome) -> bool:
        """Return whether an attempt of this outcome enters the posterior.

        Args:
            outcome: Of the attempt.
        """
        return outcome in ("correct", "wrong", "unparsable") or (outcome == "truncated" and self.truncated == "wrong")

    def _wrong(self, counts: Counts) -> int:
        return counts.wrong + (counts.truncated if self.truncated == "wrong" else 0)

    def _fit_prior(self, evidence: PoolEvidence, ids: Sequence[str], attempts: RolloutProvider) -> RatePrior:
        if self.prior in PRIORS:
            return ZeroInflatedBeta.of(*PRIORS[self.prior])
        if self.prior == "fitted" or len(ids) < 2:
            return fit_rate_prior(evidence.correct, evidence.wrong)
        if self.against:
            counts = cast(WaveProvider, attempts).count_of(self.against)
            graded = ((counts[id_].correct, self._wrong(counts[id_])) if id_ in counts else (0, 0) for id_ in ids)
            reference = np.array(list(graded), dtype=np.int64)
            joint = fit_joint_rates(reference, np.stack([evidence.correct, evidence.wrong], axis=1))
            return prior_given(joint, reference)
        vectors: NDArray[np.float32] = cast(WaveProvider, attempts).embed(ids)
        return fit_embedding_prior(evidence.correct, evidence.wrong, vectors)

    def score_counts(self, id_: str, counts: Counts) -> Score:
        """Return the score of a problem with these counts, where they alone decide."""
        wrong = self._wrong(counts)
        a, b = posterior(counts.correct, wrong, prior=self.prior)
        low, high = interval(counts.correct, wrong, prior=self.prior, level=self.level)
        return _build_score(id_, self.prior, counts, float(mean(a, b)), float(low), float(high), float(a), float(b))

    def _score_jointly(self, ids: list[str], counts: list[Counts], prior: RatePrior) -> list[Score]:
        if not ids:
            return []
        right, wrong = np.array([c.correct for c in counts]), np.array([self._wrong(c) for c in counts])
        belief = prior.posterior(right, wrong)
        low, high = belief.interval(right, wrong, level=self.level)
        a, b = belief.matching_beta()
        names = (
            [self.prior] * len(ids)
            if self.prior in PRIORS
            else [f"{self.prior} {parameters}" for parameters in prior.describe(len(ids))]
        )
        columns = (belief.mean().tolist(), low.tolist(), high.tolist(), a.tolist(), b.tolist())
        return [_build_score(*row) for row in zip(ids, names, counts, *columns, strict=True)]


def _build_score(
    id_: str, prior: str, counts: Counts, value: float, low: float, high: float, a: float, b: float
) -> Score:
    return Score(
        problem_id=id_,
        scorer="pass_rate",
        value=value,
        low=min(low, value),  # a point mass may leave the mean outside the quantiles
        high=max(high, value),
        prior=prior,
        beta_a=a,
        beta_b=b,
        counts=counts,
    )
