"""Who gets how many attempts: fixed, two-stage and adaptive designs, played against anything that answers with complete waves."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.maths.allocation.adaptive_allocation import PoolEvidence, Wave, band_wave, contenders, top_wave
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta

Ints = NDArray[np.int64]
WaveCounts = tuple[
    Ints, Ints, Ints, Ints, Ints
]  # rows that are complete; their right and wrong ones, all attempts and tokens so far
AskWave = Callable[[Ints, Ints], WaveCounts]  # rows and the attempts that each shall have in all
Fit = Callable[[PoolEvidence, Ints], ZeroInflatedBeta]  # a prior from the evidence on these rows

SIMULATED = 500  # problems of a forecast
REFIT = 1.1  # the prior is fitted anew each time the attempts have grown by this factor


@dataclass(frozen=True, slots=True)
class Goal:
    """What the attempts are for."""

    budget: int = 0  # problems that will be selected; 0 = the aim is a band
    group_size: int = 8
    low: float = 0.2  # of the band of pass rates
    high: float = 0.8
    delta: float = 0.004  # error level of the band, beyond that of `most` attempts
    gain: float = 0.007  # stop once completing everybody adds at most this share of the value


@dataclass(frozen=True, slots=True)
class Allocation:
    """How attempts are spread."""

    kind: Literal["two_stage", "adaptive"] = "adaptive"
    first: int = 2  # attempts that everybody gets
    most: int = 64  # that one problem may get
    step: int = 2  # attempts between two looks
    share: float = 1 / 16  # of the pool in one wave
    near: float = 0.25  # share of the pool that the second stage tops up


def run_allocation(
    n: int, design: Allocation, aim: Goal, ask: AskWave, fit: Fit
) -> tuple[PoolEvidence, ZeroInflatedBeta, Ints]:
    """Evidence of complete waves, the prior fitted to all of it, and the rows that have any.

    A row whose wave stays incomplete (a limit, a failed sample) keeps what it had and is asked no more. Decisions are functions of
    complete waves alone, so a run that begins again over stored attempts decides the same.
    """
    seen = _Seen(np.zeros((4, n), np.int64), np.ones(n, dtype=bool))
    everyone = np.arange(n)
    if not n or not _listen(seen, everyone, np.full(n, min(design.first, design.most)), ask):
        return seen.evidence(everyone[:0]), fit(seen.evidence(everyone[:0]), everyone[:0]), everyone[:0]
    rows = np.flatnonzero(seen.table[2] > 0)
    prior, fitted_at = fit(seen.evidence(rows), rows), seen.table[2].sum()
    while True:
        rows = np.flatnonzero(seen.table[2] > 0)
        if seen.table[2].sum() > fitted_at * REFIT:
            prior, fitted_at = fit(seen.evidence(rows), rows), seen.table[2].sum()
        chosen = rows[_next(seen.evidence(rows), prior, design, aim, seen.open[rows])]
        chosen = chosen[seen.open[chosen]]
        step = design.step if design.kind == "adaptive" else design.most
        if (
            not len(chosen)
            or not _listen(seen, chosen, np.minimum(seen.table[2, chosen] + step, design.most), ask)
            or design.kind == "two_stage"
        ):
            return seen.evidence(rows), fit(seen.evidence(rows), rows), rows


def expected_attempts(n: int, design: Allocation, aim: Goal, prior: ZeroInflatedBeta) -> float:
    """Attempts a problem that the design would make in a pool of n problems of this prior, played once on at most 500 of them."""
    few = min(n, SIMULATED)
    rng = np.random.default_rng(0)
    place, between = rng.random(few), rng.beta(prior.a[0], prior.b[0], few)
    rate = np.where(place < prior.zero[0], 0.0, np.where(place > 1 - prior.one[0], 1.0, between))
    won = np.cumsum(rng.random((few, design.most)) < rate[:, None], axis=1, dtype=np.int64)

    def ask(rows: Ints, wanted: Ints) -> WaveCounts:
        right: Ints = won[rows, wanted - 1]
        return rows, right, wanted - right, wanted, wanted

    target = replace(aim, budget=max(1, round(aim.budget * few / n))) if aim.budget else aim
    seen, _, _ = run_allocation(few, design, target, ask, lambda evidence, rows: prior)
    return float(seen.attempts.mean())


@dataclass(slots=True)
class _Seen:
    table: Ints  # (4, n): right, wrong, tried, tokens
    open: NDArray[np.bool_]  # (n,), False: a wave of it stayed incomplete

    def evidence(self, rows: Ints) -> PoolEvidence:
        right, wrong, tried, tokens = self.table[:, rows]
        return PoolEvidence(right, wrong, tried, tokens)


def _listen(seen: _Seen, rows: Ints, wanted: Ints, ask: AskWave) -> int:
    """Asks, and enters what is complete; how many rows are."""
    found, *columns = ask(rows, wanted)
    seen.open[rows] = False
    seen.open[found] = True
    seen.table[:, found] = np.stack(columns) if len(found) else np.zeros((4, 0), np.int64)
    return len(found)


def _next(
    evidence: PoolEvidence, prior: ZeroInflatedBeta, design: Allocation, aim: Goal, open_: NDArray[np.bool_]
) -> Ints:
    tried = np.where(
        open_, evidence.attempts, design.most
    )  # nothing more to come of a row that is not open; its tokens an attempt stay as they are
    tokens = np.where(open_, evidence.tokens, evidence.tokens * tried // np.maximum(evidence.attempts, 1))
    frozen = PoolEvidence(evidence.correct, evidence.wrong, tried, tokens)
    if design.kind == "two_stage" and aim.budget:
        return contenders(
            frozen, prior, budget=aim.budget, group_size=aim.group_size, share=design.near, most=design.most
        )
    return wave(frozen, prior, design, aim).rows


def wave(evidence: PoolEvidence, prior: ZeroInflatedBeta, design: Allocation, aim: Goal) -> Wave:
    """The next wave of an adaptive design."""
    if not aim.budget:
        return band_wave(evidence, prior, low=aim.low, high=aim.high, delta=aim.delta, most=design.most)
    told = {"most": design.most, "step": design.step, "share": design.share, "gain": aim.gain}
    return top_wave(evidence, prior, budget=aim.budget, group_size=aim.group_size, **told)  # type: ignore[arg-type]
