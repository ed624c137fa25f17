"""`curate check`: validate a config without drawing an attempt or writing a row; given a selection, as `curate
analyze selection-bias`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.curate.selection_bias import Dropped, Kept, Target, is_selection_key, selection_bias
from assay.cli.runner import AsJson, LakeDir, Sets, load_config, print_json, report_errors
from assay.core.display import escape_controls
from assay.core.errors import ConfigError

GOLD_SHOWN = 200  # characters
EXAMPLE_SHOWN = 240  # characters of what is odd about one row


def check(
    path: Target,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    kept: Kept = 200,
    dropped: Dropped = 100,
) -> None:
    """Check a config's keys, parts, settings, files, model and gold answers before spending any tokens.

    Reads some rows of every source, imports what the config names (which runs your own code) and grades one gold answer
    of each source. Calls no model. Given a selection's key in place of a config: as `analyze selection-bias`.
    """
    if is_selection_key(path):
        selection_bias(path, lake, sets, as_json, kept, dropped)
        return
    reporter = ConsoleReporter()
    with report_errors(reporter), _print_fault_as_json(as_json):
        config = load_config(path, lake, sets)
        from assay.pipelines.analysis import config_check
        from assay.pipelines.context.run import RunContext
        from assay.pipelines.runner.stages import preflight
        from assay.stores.lake import Lake

        config_check.check_parts(config)
        with Lake(config.lake) as opened, RunContext(config, opened, reporter) as context:
            preflight(context, "")
            samples = list(config_check.look_at_sources(context))
            trials = [config_check.try_gold(context, look) for look in samples]
            warnings = _list_warnings(context, samples, trials)
            for line in warnings:
                reporter.warn(line)
            if as_json:
                print_json({"plan": str(path), **config_check.as_data(context, samples, trials, warnings)})
                return
            _print_golds(trials)
            policy, sampler = context.policy, config.policy.sampler.id
            reporter.say(
                f"{path}: valid. policy {policy.name} ({policy.revision}), sampler {sampler}, lake {opened.place}"
            )


@contextmanager
def _print_fault_as_json(as_json: bool) -> Iterator[None]:
    """Also print a fault as a JSON document, with --json."""
    try:
        yield
    except ConfigError as error:
        if as_json:
            print_json({"whole": False, "error": str(error)})
        raise


def _list_warnings(context: Any, samples: list[Any], golds: list[Any]) -> list[str]:
    from assay.pipelines.analysis import config_check, disputed

    counts = disputed.summarize_stored(context)
    lines = [line] if counts and (line := disputed.disputed_sentence(counts)) else []
    for sample in samples:
        if reasons := sample.dropped + sample.noticed:
            lines.append(
                f"{sample.name}: of the first {sample.rows} rows "
                + ", ".join(
                    f"{count} {reason} ({sample.examples[reason][:EXAMPLE_SHOWN]})"
                    for reason, count in reasons.most_common()
                )
            )
    for gold in golds:
        if not gold.accepted:
            lines.append(
                f"{gold.source}: the verifier {gold.verifier!r} accepts the gold answer {gold.gold[:80]!r} "
                "in none of the usual forms"
            )
    return lines + config_check.list_forebodings(context.config, samples)


def _print_golds(golds: list[Any]) -> None:
    """Print one prompt as the policy sees it, then per source a gold answer with the verdicts on it."""
    console = open_console()
    console.print(
        f"a prompt ({golds[0].source}), before the model's chat template:\n{golds[0].prompt}",
        markup=False,
        soft_wrap=True,
    )
    for gold in golds:
        console.print(f"gold ({gold.source}): {gold.gold[:GOLD_SHOWN]}", markup=False, soft_wrap=True)
        if not gold.verdicts:
            console.print(
                f"  the verifier {gold.verifier!r} runs programs, so it was not tried on sentences", markup=False
            )
        else:
            console.print("the verifier's verdicts on this gold answer, written as a model might; no model was called:")
        for text, verdict in zip(gold.texts, gold.verdicts, strict=True):
            console.print(f"  {verdict.outcome}: {escape_controls(text[:GOLD_SHOWN])}", markup=False, soft_wrap=True)
