"""The flow `refresh`: scores that have gone stale are told anew, because the policy moved or a verifier changed; as one task."""

from functools import cache
from typing import Any

from assay.flows import artifacts, run_states
from assay.flows.prefect_adapter import as_flow, as_task
from assay.flows.run_context import FlowCall, at_work, present
from assay.flows.schedule_lock import in_turn


def __getattr__(name: str) -> Any:  # Prefect is loaded when the flow is asked for
    if name != "refresh":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _flow()


@cache
def _flow() -> Any:
    return as_flow(_refresh, "refresh")


def _refresh(config: str, lake: str | None = None, overrides: list[str] = []) -> Any:  # noqa: B006  # Prefect shows the default, nobody changes it
    """Judge stored rollouts by the present verifiers, and tell the last checkpoint's pass rates.

    Args:
        config: Path of the config, a TOML file.
        lake: The lake's folder or s3:// address, in place of the config's.
        overrides: Keys of the config to change, as "loop.share=0.1".
    """
    call = FlowCall(config, lake, tuple(overrides))
    return in_turn(call, lambda: _work(call))


def _work(call: FlowCall) -> Any:
    with at_work(call, "curate refresh", upto="score") as run:
        told = as_task(_renewed, "refresh", run.context.config.flow)("refresh")
        artifacts.show(run.context)
        if run.missing:
            return run_states.partly("; ".join([told, *run.missing, "run it again to go on"]))
        return run_states.completed(told)


def _renewed(_stage: str) -> str:
    from assay.pipelines.loop.rounds import renew

    run = present()
    told = run.told = renew(run.context)
    if told["left"]:
        run.missing.append(f"{told['left']} stored rollouts are not judged yet")
    if told["nothing_to_do"]:
        return "nothing to do: nothing was stale"
    refreshed = f"round {told['round']} refreshed" if told["refresh"] else "no training is done"
    return f"{told['regraded']} stored rollouts judged anew, {refreshed}, {told['tokens']} tokens"
