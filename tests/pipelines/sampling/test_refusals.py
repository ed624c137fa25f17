"""What a server refused is known under policy and sampler, counts as nothing missing, and is asked for again on request."""

from collections.abc import Callable
from typing import Any

from assay.core.types import Policy, SamplingConfig
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.sampling.refusals import count_refused, keep_refusals, known_refusals

POLICY, SAMPLER = Policy("m", "r"), SamplingConfig()


def test_a_refusal_is_known_for_its_problem_policy_and_sampler_alone(context: Callable[..., RunContext]) -> None:
    made = context()
    assert count_refused(made, POLICY, SAMPLER) == 0
    keep_refusals(made, POLICY, SAMPLER, {"a": "status 400: too long", "b": "status 422: no"})
    keep_refusals(made, POLICY, SAMPLER, {"a": "status 400: too long"})
    assert known_refusals(made, POLICY, SAMPLER, ["a", "c"]) == {"a": "status 400: too long"}
    assert known_refusals(made, Policy("m", "another"), SAMPLER, ["a"]) == {}
    assert known_refusals(made, POLICY, SamplingConfig(max_tokens=9), ["a"]) == {}
    assert count_refused(made, POLICY, SAMPLER)
    made.retry_refused = True
    assert known_refusals(made, POLICY, SAMPLER, ["a"]) == {}


def test_attempts_at_a_refused_problem_are_not_missing_unless_the_run_asks_again(
    context: Callable[..., RunContext],
) -> None:
    made: Any = context()
    problems, labels = read_side(made, run_stages(made, "split"), "train")
    first, *rest = sorted(problems)
    keep_refusals(made, made.engine.policy, made.config.policy.sampler, {first: "status 400: too long"})
    attempts = StoredRollouts(made, problems, labels, keep_refused=True)
    assert sorted(attempts.missing(dict.fromkeys(problems, 1))) == rest
    assert attempts.lacking(1) == (len(rest), len(rest))
    assert not attempts.unfinished
    made.retry_refused = True
    assert first in StoredRollouts(made, problems, labels, keep_refused=True).missing(dict.fromkeys(problems, 1))
