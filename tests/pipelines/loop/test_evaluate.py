"""What stored held-out attempts count for."""

from collections.abc import Callable

from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.loop.evaluate import count_held_out
from assay.pipelines.runner.stages import plan_training


def test_an_attempt_that_two_versions_judged_counts_once_by_the_present_one(walked: Callable[[], RunContext]) -> None:
    context = walked()
    training = plan_training(context, "grpo")
    id_, label = next(iter(read_side(context, training.inputs, "held_out")[1].items()))
    (rollout,), (verdict,) = (context.lake.rows(f"SELECT * FROM {table} LIMIT 1") for table in ("rollouts", "verdicts"))
    rollout |= {"problem_id": id_, "policy": "step-0", "step": 0}
    verdict |= {"label_id": label.id, "verifier": label.verifier}
    rollouts = [{**rollout, "id": f"r{sample}", "sample": sample} for sample in range(2)]
    verdicts = [
        {**verdict, "id": f"v{sample}-{version}", "rollout_id": f"r{sample}", "version": version, "outcome": outcome}
        for sample in range(2)
        for version, outcome in (("0", "wrong"), (context.judge.version(label.verifier), "correct"))
    ]
    metric = {"id": "m", "training": training.key.rows, "step": 0, "name": "eval_pass_at_1", "value": 1.0}
    context.lake.append(
        {"rollouts": rollouts, "verdicts": verdicts, "train_metrics": [{**metric, "policy": "step-0"}]}, run=context.run
    )
    assert count_held_out(context, training, 2) == [("step 0", {id_: (2, 2)})]
