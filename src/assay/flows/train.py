"""The flow `train`: GRPO on a curriculum that the lake holds, as one task; one that was killed goes on from its last kept state."""

from functools import cache
from typing import Any

from assay.flows import artifacts, run_states
from assay.flows.prefect_adapter import as_flow, as_task
from assay.flows.run_context import FlowCall, at_work, present
from assay.flows.schedule_lock import in_turn


def __getattr__(name: str) -> Any:  # Prefect is loaded when the flow is asked for
    if name != "train":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _flow()


@cache
def _flow() -> Any:
    return as_flow(_train, "train")


def _train(config: str, lake: str | None = None, overrides: list[str] = []) -> Any:  # noqa: B006  # Prefect shows the default, nobody changes it
    """Train the policy on the curriculum in its order.

    Args:
        config: Path of the config, a TOML file.
        lake: The lake's folder or s3:// address, in place of the config's.
        overrides: Keys of the config to change, as "train.steps=50".
    """
    call = FlowCall(config, lake, tuple(overrides))
    return in_turn(call, lambda: _work(call))


def _work(call: FlowCall) -> Any:
    with at_work(call, "train run", upto="train") as run:
        told = as_task(_trained, "train", run.context.config.flow)("train")
        artifacts.show(run.context)
        return run_states.completed(told)


def _trained(_stage: str) -> str:
    from assay.pipelines.runner.stages import run_training

    outcome = present().told = run_training(present().context)
    return ("nothing to do: " if outcome.reused else "") + f"checkpoint {outcome.detail['checkpoint']}"
