"""`train sft`, `train dpo` and `train kto`: training on rows that synthesis stored."""

from typing import Any

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import (
    DONE,
    AsJson,
    ConfigPath,
    LakeDir,
    Sets,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)
from assay.cli.tables import build_table, short_path
from assay.cli.train.run import SHOWN, is_first_process, pick_steps

LOG = """
PIVOT (
    SELECT step, name, value FROM train_metrics
    WHERE training = ? AND name IN (SELECT unnest(?::VARCHAR[]))
        AND coalesce(policy, '') NOT IN (SELECT policy FROM superseded)
) ON name IN ({names}) USING max(value) GROUP BY step ORDER BY step
"""
SHOWN_METRICS = {
    "sft": ("loss", "token_accuracy", "seconds"),
    "dpo": ("loss", "reward_margin", "reward_accuracy", "seconds"),
    "kto": ("loss", "reward_margin", "kl", "seconds"),
}


def sft(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Fine-tune the policy (SFT) on the answers that `curate synthesize` stored. A stopped or killed training resumes
    at the exact row.
    """
    _run("sft", path, lake, sets, as_json)


def dpo(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Train the policy with DPO on the answer pairs that `curate synthesize` stored. A stopped or killed training
    resumes at the exact row.
    """
    _run("dpo", path, lake, sets, as_json)


def kto(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Train the policy with KTO on the right and wrong answers that `curate synthesize` stored, which need no pairs. A
    stopped or killed training resumes at the exact row.
    """
    _run("kto", path, lake, sets, as_json)


def _run(kind: str, path: Any, lake: str, sets: list[str], as_json: bool) -> None:
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
    run_with_context(config, f"train {kind}", lambda context: _train(context, kind, as_json), reporter, upto=kind)


def _train(context: Any, kind: str, as_json: bool) -> int:
    from assay.pipelines.runner.stages import run_training

    outcome = run_training(context, kind)
    if not is_first_process():
        return DONE
    names = SHOWN_METRICS[kind]
    query = LOG.format(names=", ".join(f"'{name}'" for name in names))
    log = context.lake.rows(query, [outcome.key.rows, list(names)])
    if as_json:
        print_json({"nothing_to_do": outcome.reused, **outcome.detail, "generated": context.meter.tokens, "log": log})
        return DONE
    console = open_console()
    if outcome.reused:
        console.print("nothing to do: this training is in the lake", style="bold")
    rows = [(log[place]["step"], *(log[place][name] for name in names)) for place in pick_steps(len(log), SHOWN)]
    more = f" ({SHOWN} of {len(log)} steps; --json has all)" if len(log) > SHOWN else ""
    console.print(build_table(f"{kind}{more}", ("step", *names), rows))
    detail = outcome.detail
    console.print(f"checkpoint: {short_path(detail['checkpoint'])}", markup=False, soft_wrap=True)
    console.print(
        f"{detail['rows']} rows of {detail['method']}, {detail['tokens']} tokens trained on; "
        f"held-out attempts stored: {detail['rollouts']}; spent now: {context.meter.tokens} tokens",
        markup=False,
        soft_wrap=True,
    )
    return DONE
