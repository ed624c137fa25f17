"""States of a pool that some attempts at it leave possible, in each of which every way of choosing can be tried.

The stored attempts are facts in all of them. What is drawn are the pass rates behind them, which of the problems can be
solved at all, the shape of their rates by source, and rates and tokens of the problems that were not attempted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.maths.beta.rate_classes import RateChain, RateDraw
from assay.maths.beta.two_betas import RatePrior

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
OWN_PRIOR = 12  # attempted problems from which on a source has rates of its own
BURN_IN = 100  # sweeps of a chain before its first state
BETWEEN = 25  # sweeps between two states, which the chain forgets slowly


@dataclass(frozen=True, slots=True)
class PoolAttempts:
    """A pool of n problems and what is known of it."""

    correct: Ints  # (n,)
    wrong: Ints  # (n,), 0 with `correct` = 0: not attempted
    tokens: Floats  # (n,) mean generated tokens of an attempt; NaN where there is none
    source: NDArray[np.str_]  # (n,)

    @property
    def tried(self) -> Ints:
        """Attempts per problem, (n,)."""
        return self.correct + self.wrong


@dataclass(frozen=True, slots=True)
class World:
    """One state that the attempts leave possible."""

    rate: Floats  # (n,)
    tokens: Floats  # (n,) of an attempt
    source: NDArray[np.str_]  # (n,)
    stored: Ints  # (n,) attempts that are paid for already
    right: Ints  # (n,) how many of these were right
    prior: RatePrior  # of the pool


@dataclass(frozen=True, slots=True)
class _Part:
    """Problems that share a distribution of rates."""

    known: Ints  # attempted problems that tell of it
    own: Ints  # those of them that belong to it
    missing: Ints  # problems of it that were not attempted
    chain: RateChain
    pooled: bool = (
        False  # few were attempted: the pool's rates, and shares of the classes between the pool's and its own
    )


def draw_worlds(attempts: PoolAttempts, seed: int, *, shrink: float = 1.0) -> Iterator[World]:
    """Draw states of the pool that the attempts leave possible, without end.

    A source with at least 12 attempted problems has rates of its own; one with fewer has those of the whole pool, but
    how many of its problems are never or always solved lies between the pool's shares and its own. A problem that was
    not attempted gets a class and a rate of its part, and the tokens of an attempted one of the same class whose rate
    has the same rank, out of a bootstrap of these.

    Args:
        attempts: at the pool; at least some problems must have any.
        seed: of all draws.
        shrink: the part of the problems that is kept.
    """
    attempted_rows = np.flatnonzero(attempts.tried > 0)
    everyone = RateChain(
        attempts.correct[attempted_rows], attempts.wrong[attempted_rows], attempts.tokens[attempted_rows], (seed, 0)
    )
    parts = _parts(attempts, attempted_rows, everyone, seed)
    chains = list(dict.fromkeys([everyone, *(part.chain for part in parts)]))
    rng = np.random.default_rng((seed, 1))
    n, sweeps = len(attempts.correct), BURN_IN
    while True:
        keep = np.sort(rng.permutation(n)[: max(1, round(n * shrink))])
        draws = {id(chain): chain.draw(sweeps) for chain in chains}
        rate, tokens, sweeps = np.zeros(n), attempts.tokens.copy(), BETWEEN
        for part in parts:
            draw, belongs = draws[id(part.chain)], np.isin(part.known, part.own)
            rate[part.own] = draw.rate[belongs]
            own = draw.of_source(draw.kind[belongs], rng) if part.pooled else draw
            kind, rate[part.missing] = own.new_problems(len(part.missing), rng)
            tokens[part.missing] = tokens_by_rank(kind, rate[part.missing], draw, attempts.tokens[part.known], rng)
        prior = draws[id(everyone)].prior
        yield World(
            rate[keep], tokens[keep], attempts.source[keep], attempts.tried[keep], attempts.correct[keep], prior
        )


def _parts(attempts: PoolAttempts, known: Ints, everyone: RateChain, seed: int) -> list[_Part]:
    """One part per source; those with enough attempted problems have a chain of their own."""
    parts = []
    names = np.unique(attempts.source)
    for place, name in enumerate(names):
        is_own = attempts.source == name
        own, missing = known[is_own[known]], np.flatnonzero(is_own & (attempts.tried == 0))
        if len(names) == 1:
            parts.append(_Part(known, own, missing, everyone))
        elif len(own) >= OWN_PRIOR:
            chain = RateChain(attempts.correct[own], attempts.wrong[own], attempts.tokens[own], (seed, 2, place))
            parts.append(_Part(own, own, missing, chain))
        else:
            parts.append(_Part(known, own, missing, everyone, pooled=True))
    return parts


def tokens_by_rank(kind: Ints, rate: Floats, draw: RateDraw, tokens: Floats, rng: np.random.Generator) -> Floats:
    """Tokens for new problems: those of the equal rank in a bootstrap of the class's attempted ones, (m,).

    Args:
        kind: classes of the new problems, (m,).
        rate: their rates, (m,).
        draw: classes and rates of the attempted problems.
        tokens: mean tokens of these.
        rng: draws the bootstrap, without which the mean of the tokens would have no doubt.
    """
    drawn_tokens = np.zeros(len(kind))
    for name in np.unique(kind):
        own, donors = np.flatnonzero(kind == name), np.flatnonzero(draw.kind == name)
        donors = donors if len(donors) else np.arange(len(tokens))
        donors = rng.choice(donors, len(donors))
        donors = donors[np.argsort(draw.rate[donors], kind="stable")]
        ranks = np.argsort(np.argsort(rate[own], kind="stable"), kind="stable")
        drawn_tokens[own] = tokens[donors[ranks * len(donors) // len(own)]]
    return drawn_tokens
