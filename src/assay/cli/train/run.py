"""`train run` and `train resume`: GRPO on the plan's curriculum."""

import os
from collections.abc import Callable
from typing import Any

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import DONE, AsJson, ConfigPath, Flow, LakeDir, Sets, emit, exits, flowing, load, with_context
from assay.cli.tables import table

SHOWN = 20  # steps
LOG = """
SELECT step, max(value) FILTER (name = 'reward') AS reward, max(value) FILTER (name = 'loss') AS loss, max(value) FILTER (name = 'seconds') AS seconds
FROM train_metrics WHERE training = ? AND name IN ('reward', 'loss', 'seconds') AND coalesce(policy, '') NOT IN (SELECT policy FROM superseded)
GROUP BY step ORDER BY step
"""


def run(config: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, flow: Flow = False) -> None:
    """Train the policy on the curriculum in its order; write a checkpoint, and every rollout into the lake."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
        training = (
            flowing("train", made, config, lake, sets, voice) if _first() and (flow or made.flow.enabled) else None
        )
    with_context(made, "train run", lambda context: _train(context, as_json, training), voice, upto="train")


def resume(config: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Go on with a training that was stopped or killed, from its last kept state and at the exact problem."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
    with_context(made, "train resume", lambda context: _train(context, as_json, only=True), voice, upto="train")


def _train(context: Any, as_json: bool, flow: Callable[[Any], Any] | None = None, *, only: bool = False) -> int:
    from assay.pipelines.runner.stages import run_training

    outcome = flow(context) if flow else run_training(context, resume=only)
    if not _first():
        return DONE
    log = context.lake.rows(LOG, [outcome.key.rows])
    told = {"nothing_to_do": outcome.reused, **outcome.detail, "tokens": context.meter.tokens, "log": log}
    if as_json:
        emit(told)
        return DONE
    console = page()
    if outcome.reused:
        console.print("nothing to do: this training is in the lake", style="bold")
    shown = [tuple(log[place].values()) for place in spread(len(log), SHOWN)]
    more = f" ({SHOWN} of {len(log)} steps; --json has all)" if len(log) > SHOWN else ""
    console.print(table(f"training{more}", ("step", "reward", "loss", "seconds"), shown))
    console.print(f"checkpoint: {outcome.detail['checkpoint']}", markup=False, soft_wrap=True)
    console.print(
        f"rollouts written: {outcome.detail['rollouts']}; spent now: {context.meter.tokens} tokens", markup=False
    )
    return DONE


def spread(count: int, most: int) -> list[int]:
    """At most `most` places of `count`, evenly from the first to the last.

    >>> spread(3, 20), spread(100, 4)
    ([0, 1, 2], [0, 33, 66, 99])
    """
    return list(range(count)) if count <= most else [place * (count - 1) // (most - 1) for place in range(most)]


def _first() -> bool:
    """Of the processes of one training the first one tells, and is the flow."""
    return os.environ.get("RANK", "0") == "0"
