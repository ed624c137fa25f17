"""`train run` and `train resume`: GRPO on the config's curriculum."""

import os
from collections.abc import Callable
from typing import Any

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import (
    DONE,
    AsJson,
    ConfigPath,
    Flow,
    LakeDir,
    Sets,
    find_flow,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)
from assay.cli.tables import build_table, short_path

SHOWN = 20  # steps
METRICS = ("reward", "mixed", "kl", "entropy", "grad_norm", "loss", "seconds")
# which is 0 at a ratio of 1, whatever the gradient is
SHOWN_METRICS = tuple(name for name in METRICS if name != "loss")
LOG = f"""
SELECT step, {", ".join(f"max(value) FILTER (name = '{name}') AS {name}" for name in METRICS)}
FROM (
    SELECT step, policy, training, CASE name WHEN 'frac_reward_zero_std' THEN 'mixed' ELSE name END AS name,
        CASE name WHEN 'frac_reward_zero_std' THEN 1 - value ELSE value END AS value
    FROM train_metrics
)
WHERE training = ? AND coalesce(policy, '') NOT IN (SELECT policy FROM superseded)
GROUP BY step HAVING count(*) FILTER (name = 'loss') > 0 ORDER BY step
"""


def run(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, flow: Flow = False) -> None:
    """Train the policy on the curriculum, in its order. Writes a checkpoint, and every rollout into the lake."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        training = (
            find_flow("train", config, path, lake, sets, reporter)
            if is_first_process() and (flow or config.flow.enabled)
            else None
        )
    run_with_context(config, "train run", lambda context: _train(context, as_json, training), reporter, upto="train")


def resume(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Resume a stopped or killed GRPO training from its last saved state, at the exact problem.

    The other trainings (`train sft`, `dpo`, `kto`, `loop`) resume when the same command runs again.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
    run_with_context(
        config, "train resume", lambda context: _train(context, as_json, only=True), reporter, upto="train"
    )


def _train(context: Any, as_json: bool, flow: Callable[[Any], Any] | None = None, *, only: bool = False) -> int:
    from assay.pipelines.runner.stages import run_training

    outcome = flow(context) if flow else run_training(context, resume=only)
    if not is_first_process():
        return DONE
    log = context.lake.rows(LOG, [outcome.key.rows])
    summary = {"nothing_to_do": outcome.reused, **outcome.detail, "tokens": context.meter.tokens, "log": log}
    if as_json:
        print_json(summary)
        return DONE
    console = open_console()
    if outcome.reused:
        console.print("nothing to do: this training is in the lake", style="bold")
    metric_names = [name for name in SHOWN_METRICS if any(row[name] is not None for row in log)]
    rows = [(log[i]["step"] + 1, *(log[i][name] for name in metric_names)) for i in pick_steps(len(log), SHOWN)]
    more = f" ({SHOWN} of {len(log)} steps; --json has all)" if len(log) > SHOWN else ""
    console.print(build_table(f"training{more}", ("step", *(name.replace("_", " ") for name in metric_names)), rows))
    console.print(f"checkpoint: {short_path(outcome.detail['checkpoint'])}", markup=False, soft_wrap=True)
    console.print(
        f"rollouts written: {outcome.detail['rollouts']}; spent now: {context.meter.tokens} tokens", markup=False
    )
    return DONE


def pick_steps(count: int, most: int) -> list[int]:
    """Return at most `most` indices of `count`, evenly spaced from the first to the last.

    >>> pick_steps(3, 20), pick_steps(100, 4)
    ([0, 1, 2], [0, 33, 66, 99])
    """
    return list(range(count)) if count <= most else [place * (count - 1) // (most - 1) for place in range(most)]


def is_first_process() -> bool:
    """Return whether this is the first process of a training, which reports and is the flow."""
    return os.environ.get("RANK", "0") == "0"
