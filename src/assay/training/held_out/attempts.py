"""What the policy can do on held-out problems while it trains: sampled apart from training's random stream, kept as evidence like all else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.core.identity import content_id
from assay.core.types import Finish, GradingCase, Label, Policy, Problem, Rollout, Verdict, rollout_id
from assay.maths.rl.evaluation import mean_interval, pass_at
from assay.training.trainer.rollout_recorder import NO_SEED, RolloutRecorder
from assay.training.trainer.stop_strings import before, stopped

Draw = Callable[[Sequence[str], int], list[list[int]]]  # problem ids with repeats, seed -> completion ids


def policy_of(run: str, base: Policy, step: int, attempt: int) -> Policy:
    """The policy after `step` updates as evaluation samples it: a revision of its own, because its sample indices are its own."""
    return Policy(f"{base.name}+step-{step}", content_id("evaluation", run, step, attempt)[:16])


@dataclass(frozen=True)
class HeldOut:
    """Held-out problems, and how often each is attempted."""

    problems: Mapping[str, Problem]
    labels: Mapping[str, Label]
    samples: int = 4  # attempts a problem; more = narrower intervals and pass@k for larger k

    def attempt(self, evidence: RolloutRecorder, step: int, draw: Draw) -> dict[str, float]:
        """The measurements after `step` updates, and every attempt in the sink: pass@1 and pass@samples with the ends of their intervals."""
        policy = policy_of(evidence.run, evidence.base, step, evidence.attempt)
        ids = [id_ for id_ in self.problems for _ in range(self.samples)]
        drawn = draw(ids, step)
        rollouts = [
            _rollout(evidence, policy, step, id_, place % self.samples, row)
            for place, (id_, row) in enumerate(zip(ids, drawn, strict=True))
        ]
        verdicts = evidence.judge.judge(
            [GradingCase(self.problems[each.problem_id], self.labels[each.problem_id], each) for each in rollouts]
        )
        evidence.sink.write(rollouts, verdicts)
        right, judged = (
            table.reshape(-1, self.samples).sum(1)
            for table in _tables([verdict.in_mode(evidence.mode) for verdict in verdicts])
        )
        values: dict[str, float] = {"eval_problems": float(len(self.problems)), "eval_samples": float(self.samples)}
        for name, k in (("eval_pass_at_1", 1), ("eval_pass_at_k", self.samples)):
            rates = pass_at(k, right, judged)
            ends = mean_interval(rates[np.isfinite(rates)])
            values |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
        evidence.sink.log(policy.revision, step, values)
        evidence.reporter.say(told(step, values))
        return values


def _tables(verdicts: Sequence[Verdict]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which attempts are right, and which were judged at all: one whose verifier failed is evidence of nothing."""
    outcomes = np.array([verdict.outcome for verdict in verdicts])
    return outcomes == "correct", outcomes != "verifier_error"


def told(step: int, values: Mapping[str, float]) -> str:
    """One evaluation as one line."""
    ends = f"[{values['eval_pass_at_1_low']:.3f}, {values['eval_pass_at_1_high']:.3f}]"
    many = f"pass@{values['eval_samples']:.0f} {values['eval_pass_at_k']:.3f}"
    return f"held out, after {step} steps: pass@1 {values['eval_pass_at_1']:.3f} {ends}, {many} of {values['eval_problems']:.0f} problems"


def _rollout(
    evidence: RolloutRecorder, policy: Policy, step: int, problem_id: str, sample: int, ids: Sequence[int]
) -> Rollout:
    text, stops = evidence.decode(ids), evidence.sampler.stop
    finish: Finish = "stop" if ids[-1] in evidence.ends or stopped(text, stops) else "length"
    key = rollout_id(problem_id, policy.revision, evidence.sampler.id, sample)
    where = (problem_id, policy.revision, policy.name, evidence.sampler.id, sample, NO_SEED)
    return Rollout(key, *where, before(text, stops), len(ids), finish, engine="trl", step=step)
