"""The flow `train`: GRPO on a curriculum that the lake holds, as one task.

A training that was killed resumes from its last kept state.
"""

from typing import Any

from assay.flows import artifacts, run_states
from assay.flows.entrypoints import define_flow
from assay.flows.prefect_adapter import as_task
from assay.flows.run_context import FlowCall, current_run, open_flow_run


def _work(call: FlowCall) -> Any:
    with open_flow_run(call, "train run", upto="train") as run:
        message = as_task(_train, "train", run.context.config.flow)("train")
        artifacts.make_artifacts(run.context)
        return run_states.completed(message)


__getattr__ = define_flow(
    __name__, "train", _work, "Train the policy on the curriculum in its order.", override="train.steps=50"
)


def _train(_stage: str) -> str:
    from assay.pipelines.runner.stages import run_training

    outcome = current_run().told = run_training(current_run().context)
    return ("nothing to do: " if outcome.reused else "") + f"checkpoint {outcome.detail['checkpoint']}"
