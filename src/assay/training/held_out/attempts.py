"""Attempt held-out problems with the policy in training, and store the attempts as evidence like all others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.core.identity import content_id
from assay.core.types import Finish, GradingCase, Label, Policy, Problem, Rollout, Verdict, rollout_id
from assay.maths.rl.evaluation import mean_interval, pass_at
from assay.training.trainer.rollout_recorder import NO_SEED
from assay.training.trainer.run_record import RunRecord
from assay.training.trainer.stop_strings import has_stop_string, text_before_stop

SampleCompletions = Callable[[Sequence[str], int], list[list[int]]]  # problem ids with repeats, step -> completion ids


def evaluation_policy(run: str, base: Policy, step: int, attempt: int) -> Policy:
    """Return the policy after `step` updates as evaluation samples it.

    It has a revision of its own, because its sample indices start at 0.
    """
    return Policy(f"{base.name}+step-{step}", content_id("evaluation", run, step, attempt)[:16])


@dataclass(frozen=True)
class HeldOutSet:
    """Held-out problems, and how often each is attempted."""

    problems: Mapping[str, Problem]
    labels: Mapping[str, Label]
    samples: int = 4  # attempts per problem; more = narrower intervals, and pass@k for larger k

    def evaluate(self, recorder: RunRecord, step: int, sample: SampleCompletions) -> dict[str, float]:
        """Measure the policy after `step` updates, and hand every attempt and the measurements to the sink.

        Args:
            recorder: Of the run; gives judge, sink and the reading of verdicts.
            step: Updates so far.
            sample: Samples completions of the policy as it is now.

        Returns:
            pass@1 and pass@`samples`, each with the ends of its interval.
        """
        policy = evaluation_policy(recorder.run, recorder.base, step, recorder.attempt)
        ids = [id_ for id_ in self.problems for _ in range(self.samples)]
        completions = sample(ids, step)
        rollouts = [
            _rollout(recorder, policy, step, id_, place % self.samples, completion)
            for place, (id_, completion) in enumerate(zip(ids, completions, strict=True))
        ]
        verdicts = recorder.judge.judge(
            [
                GradingCase(self.problems[rollout.problem_id], self.labels[rollout.problem_id], rollout)
                for rollout in rollouts
            ]
        )
        recorder.sink.write(rollouts, verdicts)
        right, n_judged = (
            table.reshape(-1, self.samples).sum(1)
            for table in _outcome_tables([verdict.in_mode(recorder.mode) for verdict in verdicts])
        )
        metrics: dict[str, float] = {"eval_problems": float(len(self.problems)), "eval_samples": float(self.samples)}
        for name, k in (("eval_pass_at_1", 1), ("eval_pass_at_k", self.samples)):
            rates = pass_at(k, right, n_judged)
            interval = mean_interval(rates[np.isfinite(rates)])
            metrics |= dict(zip((name, f"{name}_low", f"{name}_high"), interval, strict=True))
        recorder.sink.log(policy.revision, step, metrics)
        recorder.reporter.say(format_evaluation(step, metrics))
        return metrics


def _outcome_tables(verdicts: Sequence[Verdict]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which attempts are right and which were judged: one whose verifier failed is evidence of nothing."""
    outcomes = np.array([verdict.outcome for verdict in verdicts])
    return outcomes == "correct", outcomes != "verifier_error"


def format_evaluation(step: int, metrics: Mapping[str, float]) -> str:
    """Return the reporter's line about one evaluation."""
    interval = f"[{metrics['eval_pass_at_1_low']:.3f}, {metrics['eval_pass_at_1_high']:.3f}]"
    pass_at_k = f"pass@{metrics['eval_samples']:.0f} {metrics['eval_pass_at_k']:.3f}"
    return (
        f"held out, after {step} steps: pass@1 {metrics['eval_pass_at_1']:.3f} {interval}, "
        f"{pass_at_k} of {metrics['eval_problems']:.0f} problems"
    )


def _rollout(
    recorder: RunRecord, policy: Policy, step: int, problem_id: str, sample: int, ids: Sequence[int]
) -> Rollout:
    text, stops = recorder.decode(ids), recorder.sampler.stop
    finish: Finish = "stop" if ids[-1] in recorder.end_tokens or has_stop_string(text, stops) else "length"
    key = rollout_id(problem_id, policy.revision, recorder.sampler.id, sample)
    origin = (problem_id, policy.revision, policy.name, recorder.sampler.id, sample, NO_SEED)
    return Rollout(key, *origin, text_before_stop(text, stops), len(ids), finish, engine="trl", step=step)
