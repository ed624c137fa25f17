"""A drift that training rollouts tell."""

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest

from assay.core.types import GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig, Verdict
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.expected_improvement import fit_stored_drift
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling.attempts import commit

Made = Callable[..., RunContext]


def trained(context: RunContext, drift: float, few: int = 99) -> None:
    """Two thousand training attempts over ten steps, by a policy whose logits rise by `drift`."""
    rng = np.random.default_rng(0)
    scores = context.lake.rows("SELECT problem_id, value FROM scores ORDER BY problem_id")[:few]
    rollouts, verdicts = [], []
    for number in range(2000):
        row, step = scores[number % len(scores)], number % 10
        request = Request(row["problem_id"], (), SamplingConfig(), (number,), 0)
        one = Rollout.of(
            request, number, policy=Policy("trained", f"step {step}"), engine="trl", text="", tokens=1, finish="stop"
        )
        logit = np.log(row["value"] / (1 - row["value"])) + drift * step / 9
        case = GradingCase(
            replace(Problem.of("x"), id=row["problem_id"]), Label.of(row["problem_id"], "1", verifier="math"), one
        )
        won = rng.random() < 1 / (1 + np.exp(-logit))
        rollouts.append(replace(one, step=step))
        verdicts.append(Verdict.of(case, verifier="math", version="1", outcome="correct" if won else "wrong"))
    commit(context, rollouts, verdicts)
    assert asdict(rollouts[9])["step"] == 9


def test_a_training_run_is_a_round_of_diversify_and_conquer(walked: Made, context: Made) -> None:
    made = walked()
    other = context(select={"selector": "iterative", "history": True, "budget": 12})
    assert run_stages(other)[-2].detail["dropped"] == {"not_chosen": 20}
    made.log_run("start")
    trained(made, 1.0, few=8)
    after = context(select={"selector": "iterative", "history": True, "budget": 12})
    assert run_stages(after)[-2].detail["dropped"] == {"chosen_before": 8, "not_chosen": 12}


def test_a_planted_drift_comes_back_and_none_is_zero(walked: Made) -> None:
    made = walked()
    results = run_stages(made)
    assert fit_stored_drift(made, results) == (0.0, 0)
    trained(made, 1.5)
    drift, attempts = fit_stored_drift(made, results)
    assert attempts == 2000
    assert drift == pytest.approx(1.5, abs=0.3)


def test_a_fitted_drift_chooses_as_its_number_does(context: Made) -> None:
    first = context(select={"expected_improvement": "fitted"})
    before = run_stages(first).rows_of("select")
    trained(first, 4.0)
    again = context(select={"expected_improvement": "fitted"})
    fitted = run_stages(again)
    assert not fitted.of("select").reused
    assert fitted.rows_of("select") != before
    number = context(select={"expected_improvement": fit_stored_drift(again, fitted)[0]})
    by_number = run_stages(number).rows_of("select")
    query = "SELECT problem_id FROM selections WHERE selection_id = ? AND kept ORDER BY problem_id"
    assert number.lake.rows(query, [by_number]) == again.lake.rows(query, [fitted.rows_of("select")])
    assert all(each.reused for each in run_stages(context(select={"expected_improvement": "fitted"})))
