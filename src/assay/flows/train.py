"""The flow `train`: GRPO on a curriculum that the lake holds, as one task; one that was killed goes on from its last kept state."""

from typing import Any

from assay.flows import artifacts, run_states
from assay.flows.entrypoints import define_flow
from assay.flows.prefect_adapter import as_task
from assay.flows.run_context import FlowCall, at_work, present


def _work(call: FlowCall) -> Any:
    with at_work(call, "train run", upto="train") as run:
        told = as_task(_trained, "train", run.context.config.flow)("train")
        artifacts.show(run.context)
        return run_states.completed(told)


__getattr__ = define_flow(
    __name__, "train", _work, "Train the policy on the curriculum in its order.", override="train.steps=50"
)


def _trained(_stage: str) -> str:
    from assay.pipelines.runner.stages import run_training

    outcome = present().told = run_training(present().context)
    return ("nothing to do: " if outcome.reused else "") + f"checkpoint {outcome.detail['checkpoint']}"
