"""`strategies`: per problem the way of asking under which the policy is most often right (SMART)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, SynthesisSummary, Target

Tried = Mapping[str, AttemptedProblem]  # by strategy


@dataclass(frozen=True)
class Strategies:
    """Ask each problem in several ways, and teach the policy to begin with the way that works for it.

    A strategy is a name with a template in place of `policy.template`; its attempts are stored and counted like any
    others, n per problem. The chosen one has the highest mean of (right + rate x weight) / (attempts + weight), where
    rate is the strategy's share of right attempts over all problems and weight is `prior`; of equal ones the more
    successful overall. The target answers the plain question: `announce` with the strategy's name, and its first right
    attempt. A problem that no strategy solves gives none.

    The summary sets the chosen strategies beside the best single one. Choosing the highest of noisy rates flatters the
    choice, so it is made on the first half of the attempts there and measured on the second.

    Source: arXiv:2410.16128 (SMART), which learns the choice by policy gradients over rounds; here it is one round.
    """

    needs: ClassVar[tuple[str, ...]] = ("counts", "draw_until")
    draws: ClassVar[bool] = True

    strategies: Mapping[str, str] = field(
        default_factory=lambda: {
            "step by step": "{prompt}\n\nLet's think step by step.",
            "program": "{prompt}\n\nWrite a Python program in your head, and follow it line by line.",
            "smaller problems": "{prompt}\n\nFirst solve the smaller problems that this one is made of.",
        }
    )  # name -> template
    n: Annotated[int, Field(ge=2)] = 8  # attempts per problem and strategy
    prior: Annotated[float, Field(ge=0)] = 2.0  # attempts that a strategy's overall rate counts for
    announce: str = "Strategy: {strategy}\n"  # in front of the answer; "" = the answer alone

    def __post_init__(self) -> None:
        if len(self.strategies) < 2:
            raise ValueError("strategies needs at least 2 entries to choose from")
        if lacking := [name for name, template in self.strategies.items() if "{prompt}" not in template]:
            raise ValueError(f"the template of {lacking[0]!r} must contain {{prompt}}")

    def forecast(self, evidence: SynthesisEvidence) -> SynthesisSummary:
        """Return the attempts that are missing."""
        ids, missing = list(evidence.counts()), {}
        for name, template in self.strategies.items():
            stored = evidence.trials({"template": template}, distinct=False)
            missing[name] = sum(max(0, self.n - stored.get(id_, (0, 0))[1]) for id_ in ids)
        lines = tuple(f"{name}: {count} attempts to draw" for name, count in missing.items())
        return SynthesisSummary({"problems": len(ids), "attempts_expected": sum(missing.values())}, lines)

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Target | SynthesisSummary]:
        """Draw what is missing, yield the targets, and what choosing is worth."""
        wanted, drawn, stopped = dict.fromkeys(evidence.counts(), self.n), 0, ""
        for template in self.strategies.values():
            trials = evidence.draw_until(
                wanted, changes={"template": template}, max_trials=self.n, distinct=False, batch=256
            )
            drawn, stopped = drawn + trials.drawn, stopped or trials.stopped
        rates, halves = self._rates(evidence)
        chosen = dict.fromkeys(self.strategies, 0)
        first_rates = {name: right / max(1, n) for name, (right, n) in halves.items()}
        measured, attempts, solved = 0, 0, 0
        for by_strategy in self._tried(evidence):
            by_half = self.best({name: _half(item, self.n, 0) for name, item in by_strategy.items()}, first_rates)
            right, n = _half(by_strategy[by_half], self.n, 1)
            measured, attempts = measured + right, attempts + n
            tallies = {name: _tally(item, self.n) for name, item in by_strategy.items()}
            best = self.best(tallies, rates)
            if tallies[best][0]:
                chosen[best], solved = chosen[best] + 1, solved + 1
                yield self._target(by_strategy[best], best)
        single = max(rates, key=lambda name: rates[name])
        share = measured / attempts if attempts else 0.0
        lines = (
            f"{solved} of {len(wanted)} problems have a strategy that solves them: "
            + ", ".join(f"{name} {count}" for name, count in chosen.items())
            + (f"; {stopped}" if stopped else ""),
            f"the chosen strategies are right {share:.1%} of the time on attempts that did not choose them, {single!r} "
            f"alone {rates[single]:.1%}",
        )
        values = {f"rate_{name}": round(rate, 4) for name, rate in rates.items()}
        yield SynthesisSummary({**values, "rate_chosen": round(share, 4), "solved": solved, "drawn": drawn}, lines)

    def best(self, tallies: Mapping[str, tuple[int, int]], rates: Mapping[str, float]) -> str:
        """Return the strategy of the highest mean, given right attempts and attempts by strategy."""

        def mean(name: str) -> tuple[float, float]:
            right, n = tallies[name]
            return (right + rates[name] * self.prior) / max(1e-9, n + self.prior), rates[name]

        return max(tallies, key=mean)

    def _tried(self, evidence: SynthesisEvidence) -> Iterator[Tried]:
        """Yield the attempts of each problem by strategy, problem by problem."""
        walks = [
            evidence.attempted(texts=True, changes={"template": template}) for template in self.strategies.values()
        ]
        for items in zip(*walks, strict=True):
            yield dict(zip(self.strategies, items, strict=True))

    def _rates(self, evidence: SynthesisEvidence) -> tuple[dict[str, float], dict[str, tuple[int, int]]]:
        """Return the share of right attempts of each strategy, and right attempts with attempts of the first halves."""
        whole, halves = dict.fromkeys(self.strategies, (0, 0)), dict.fromkeys(self.strategies, (0, 0))
        for name, template in self.strategies.items():
            for item in evidence.attempted(changes={"template": template}):
                whole[name] = _plus(whole[name], _tally(item, self.n))
                halves[name] = _plus(halves[name], _half(item, self.n, 0))
        return {name: right / max(1, n) for name, (right, n) in whole.items()}, halves

    def _target(self, item: AttemptedProblem, strategy: str) -> Target:
        right = next(attempt for attempt in item.attempts[: self.n] if attempt.correct)
        text: dict[str, Any] = {}
        if self.announce:
            text = {"completion": self.announce.replace("{strategy}", strategy) + right.text}
        return Target(
            item.problem_id,
            item.label.id,
            right.rollout_id,
            policy=right.policy,
            parents=(right.rollout_id,),
            **text,
        )


def _tally(item: AttemptedProblem, n: int) -> tuple[int, int]:
    attempts = item.attempts[:n]
    return sum(attempt.correct for attempt in attempts), len(attempts)


def _half(item: AttemptedProblem, n: int, half: int) -> tuple[int, int]:
    """Return right attempts and attempts among the first half of n attempts (0), or the second (1)."""
    attempts = item.attempts[: n // 2] if half == 0 else item.attempts[n // 2 : n]
    return sum(attempt.correct for attempt in attempts), len(attempts)


def _plus(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    return first[0] + second[0], first[1] + second[1]
