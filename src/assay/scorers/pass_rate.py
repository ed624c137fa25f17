"""The share of attempts that a policy gets right, as integer counts and a posterior; never a bare rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.core.ports import RolloutProvider, WaveProvider
from assay.core.types import Counts, Score
from assay.maths.allocation.adaptive_allocation import PoolEvidence
from assay.maths.allocation.embedding_prior import fit_embedding_prior
from assay.maths.beta.posterior import PRIORS, interval, mean, posterior
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta, fit_zero_inflated_beta
from assay.scorers._designs import Allocation, Goal, Ints, WaveCounts, expected_attempts, run_allocation

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class PassRate:
    """A problem's score is the mean of its Beta posterior over the attempts that a design gave it, with its equal-tailed interval.

    Designs: `fixed`, n attempts each; `two_stage`, `first` each, then `most` for the `near` share whose topping up is worth most; `adaptive`,
    waves of `step` for those whose next attempts are worth most a token. The aim of both is the best `budget` problems by expected
    signal of groups of `group_size`, adaptive until completing everybody would add at most `gain` of the value; or, with `aim = "band"`,
    membership of [low, high], until no problem's chance of a wrong side would sink by more than `delta` with all the attempts that are left.
    Only complete waves count, and decisions are functions of these alone. An adaptively stopped c / n is biased, so only the posterior is
    told; pass@k belongs to fixed designs (`maths/rl/pass_at_k.py`).

    Priors: `jeffreys` and `uniform`; `fitted` to the pool's own counts, a Beta with a point mass at 0; `predicted` from each problem's vector by a
    ridge fitted on other problems' outcomes. The score's `prior` holds the numbers; `post_a` and `post_b` match the posterior's mean and variance.

    Attempts whose verifier or engine failed are evidence of nothing and enter no posterior. Truncated ones are left out too
    ("masked"), or count as failures ("wrong", DART-Math's rule, arXiv:2407.13690, sec. 3), as the trainer will treat them. The counts keep the
    four outcomes apart in either case. With `at_length`, answers longer than so many tokens are cut there and judged again.

    A problem without any attempt yields no score. One whose attempts were all truncated (masked) or failed yields a score that
    knows nothing: the prior, over [0, 1].

    Differs from the pass rates of Big-Math, Open-R1 and open-instruct: those store c / n, whose doubt is lost and in which a
    truncated or unjudged attempt is a wrong one.
    """

    n: Count = 8  # attempts a problem, of the fixed design
    prior: Literal["jeffreys", "uniform", "fitted", "predicted"] = "jeffreys"
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95  # posterior mass inside [low, high]
    truncated: Literal["masked", "wrong"] = "masked"
    at_length: Count | None = None  # tokens; None = the sampler's own cap
    design: Literal["fixed", "two_stage", "adaptive"] = "fixed"
    aim: Literal["select", "band"] = "select"
    budget: Annotated[float, Field(ge=0)] | None = (
        None  # problems, or below 1 a share of the pool; None = the plan's select.budget
    )
    group_size: Annotated[int, Field(ge=2)] | None = None  # G; None = the plan's
    low: Share = 0.2  # of the band, pass rates
    high: Share = 0.8
    delta: Annotated[float, Field(ge=0, le=0.5)] = (
        0.004  # share of wrong sides beyond those of `most` attempts each; .5 = decide at once
    )
    gain: Annotated[float, Field(ge=0)] = 0.007  # share of the value; more stops earlier
    first: Count = 2  # attempts that everybody gets before anything is decided
    most: Count = 64  # that one problem may get
    step: Count = 2  # attempts between two looks at a problem
    at_once: Annotated[float, Field(gt=0, le=1)] = 1 / 16  # share of the pool in one wave; less decides more often
    near: Share = 0.25  # share of the pool that the second of two stages tops up

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"the band [low, high] = [{self.low}, {self.high}] is empty")
        if self.first > self.most:
            raise ValueError(f"first = {self.first} attempts are above most = {self.most}")

    @property
    def joint(self) -> bool:
        """Whether a problem's score depends on the others: attempts or a prior that the pool decided."""
        return self.design != "fixed" or self.prior in ("fitted", "predicted")

    @property
    def apart(self) -> bool:
        """Whether the attempts of a problem are decided by its own alone, so that many workers may score one pool."""
        return (self.design == "fixed" or self.aim == "band") and self.prior in ("jeffreys", "uniform")

    @property
    def sized_by_plan(self) -> tuple[str, ...]:
        """Settings that the plan's other tables fill where they are not given."""
        chosen = self.design != "fixed" and self.aim == "select"
        return tuple(name for name in ("budget", "group_size") if chosen and getattr(self, name) is None)

    def attempts(self) -> tuple[int, int]:
        """The least and the most attempts that one problem may get."""
        return (self.n, self.n) if self.design == "fixed" else (self.first, self.most)

    def expected(self, counts: Sequence[Counts], problems: int) -> float:
        """Attempts a problem that the design is expected to make in a pool of so many, after a pilot's counts at some of them."""
        if self.design == "fixed" or not problems:
            return float(self.n)
        prior = fit_zero_inflated_beta([each.correct for each in counts], [self._wrong(each) for each in counts])
        return expected_attempts(problems, self._design(), self.target(problems), prior)

    def score(self, ids: Sequence[str], attempts: RolloutProvider) -> list[Score]:
        """One score for each problem that has an attempt, ids ascending.

        Raises:
            ValueError: a design that selects was told no budget or no group size.
        """
        known = sorted(ids)
        found = (
            self._fixed(known, attempts)
            if self.design == "fixed"
            else self._staged(known, cast(WaveProvider, attempts))
        )
        tried = {id_: counts for id_, counts in found.items() if counts.total}
        if not self.joint:
            return [self._score(id_, counts) for id_, counts in tried.items()]
        evidence = PoolEvidence.of(
            [each.correct for each in tried.values()], [self._wrong(each) for each in tried.values()]
        )
        return self._believed(list(tried), list(tried.values()), self._fit(evidence, list(tried), attempts))

    def _fixed(self, ids: list[str], attempts: RolloutProvider) -> dict[str, Counts]:
        wanted = dict.fromkeys(ids, self.n)
        found = (
            attempts.draw(wanted)
            if self.at_length is None
            else cast(WaveProvider, attempts).draw_truncated(wanted, self.at_length)
        )
        return {id_: found[id_] for id_ in ids}

    def _staged(self, ids: list[str], attempts: WaveProvider) -> dict[str, Counts]:
        heard: dict[str, Counts] = {}

        def ask(rows: Ints, wanted: Ints) -> WaveCounts:
            told = attempts.draw_first(
                {ids[row]: int(n) for row, n in zip(rows, wanted, strict=True)}, at_length=self.at_length
            )
            heard.update((id_, tally.counts) for id_, tally in told.items())
            complete = np.array([row for row in rows if ids[row] in told], dtype=np.int64)
            table = [
                (each.counts.correct, self._wrong(each.counts), each.counts.total, each.tokens)
                for each in (told[ids[row]] for row in complete)
            ]
            right, wrong, tried, tokens = np.array(table, dtype=np.int64).reshape(-1, 4).T
            return complete, right, wrong, tried, tokens

        run_allocation(
            len(ids),
            self._design(),
            self.target(len(ids)),
            ask,
            lambda seen, rows: self._fit(seen, [ids[row] for row in rows], attempts),
        )
        return {id_: heard[id_] for id_ in ids if id_ in heard}

    def target(self, problems: int) -> Goal:
        """What the attempts are for, in a pool of so many problems.

        Raises:
            ValueError: no budget or no group size was told.
        """
        if self.aim == "band":
            return Goal(0, 8, self.low, self.high, self.delta)
        if self.budget is None or self.group_size is None:
            raise ValueError(
                f"design {self.design!r} selects, so it needs budget and group_size; the plan's [select] has them"
            )
        budget = round(self.budget * problems) if self.budget < 1 else round(self.budget)
        return Goal(max(1, min(budget, problems)), self.group_size, gain=self.gain)

    def _design(self) -> Allocation:
        kind = "two_stage" if self.design == "two_stage" else "adaptive"
        return Allocation(kind, self.first, self.most, self.step, self.at_once, self.near)  # type: ignore[arg-type]

    def _wrong(self, counts: Counts) -> int:
        return counts.wrong + (counts.truncated if self.truncated == "wrong" else 0)

    def _fit(self, evidence: PoolEvidence, ids: Sequence[str], attempts: RolloutProvider) -> ZeroInflatedBeta:
        if self.prior in PRIORS:
            return ZeroInflatedBeta.of(*PRIORS[self.prior])
        if self.prior == "fitted" or len(ids) < 2:
            return fit_zero_inflated_beta(evidence.correct, evidence.wrong)
        return fit_embedding_prior(evidence.correct, evidence.wrong, self._vectors(ids, attempts))

    def _vectors(self, ids: Sequence[str], attempts: RolloutProvider) -> NDArray[np.float32]:
        return cast(WaveProvider, attempts).embed(ids)

    def _score(self, id_: str, counts: Counts) -> Score:
        wrong = self._wrong(counts)
        a, b = posterior(counts.correct, wrong, prior=self.prior)
        low, high = interval(counts.correct, wrong, prior=self.prior, level=self.level)
        return _row(id_, self.prior, counts, float(mean(a, b)), float(low), float(high), float(a), float(b))

    def _believed(self, ids: list[str], counts: list[Counts], prior: ZeroInflatedBeta) -> list[Score]:
        if not ids:
            return []
        right, wrong = np.array([each.correct for each in counts]), np.array([self._wrong(each) for each in counts])
        belief = prior.posterior(right, wrong)
        low, high = belief.interval(right, wrong, level=self.level)
        a, b = belief.matching_beta()
        names = (
            [self.prior] * len(ids)
            if self.prior in PRIORS
            else [f"{self.prior} {parameters}" for parameters in prior.describe(len(ids))]
        )
        rows = zip(
            ids, names, counts, belief.mean().tolist(), low.tolist(), high.tolist(), a.tolist(), b.tolist(), strict=True
        )
        return [_row(*row) for row in rows]


def _row(id_: str, prior: str, counts: Counts, value: float, low: float, high: float, a: float, b: float) -> Score:
    held = min(low, value), max(high, value)  # a point mass may leave the mean outside the quantiles
    return Score(
        problem_id=id_,
        scorer="pass_rate",
        value=value,
        low=held[0],
        high=held[1],
        prior=prior,
        post_a=a,
        post_b=b,
        counts=counts,
    )
