"""`curate check`: is this config whole? Nothing is drawn, nothing is written. Of a selection: was it lucky? As `curate recheck`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from assay.cli.console import ConsoleReporter, page
from assay.cli.curate.recheck import Dropped, Kept, Target, of_selection
from assay.cli.curate.recheck import recheck as afresh
from assay.cli.runner import AsJson, LakeDir, Sets, emit, exits, load
from assay.core.errors import ConfigError

GOLD_SHOWN = 200  # characters


def check(
    config: Target,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    kept: Kept = 200,
    dropped: Dropped = 100,
) -> None:
    """Validate a plan's keys, parts, settings, files, model and gold answers before anything is paid for; or recheck a selection, given its key.

    Reads some rows of every source, imports what the plan names (which runs code of yours that it names) and judges one gold answer of
    each source; no model is asked.
    """
    if of_selection(config):
        afresh(config, lake, sets, as_json, kept, dropped)
        return
    voice = ConsoleReporter()
    with exits(voice), _answering(as_json):
        made = load(config, lake, sets)
        from assay.pipelines.analysis import config_check
        from assay.pipelines.context.run import RunContext
        from assay.pipelines.runner.stages import preflight
        from assay.stores.lake import Lake

        config_check.check_parts(made)
        with Lake(made.lake) as opened, RunContext(made, opened, voice) as context:
            preflight(context, "")
            looks = list(config_check.look_at_sources(context))
            golds = [config_check.try_gold(context, look) for look in looks]
            warnings = _warnings(context, looks, golds)
            for line in warnings:
                voice.warn(line)
            if as_json:
                emit({"plan": str(config), **config_check.as_data(context, looks, golds, warnings)})
                return
            _show(golds)
            policy, sampler = context.engine.policy, made.policy.sampler.id
            voice.say(
                f"{config}: whole. policy {policy.name} ({policy.revision}), sampler {sampler}, lake {opened.place}"
            )


@contextmanager
def _answering(as_json: bool) -> Iterator[None]:
    """With --json a fault is a document, too."""
    try:
        yield
    except ConfigError as error:
        if as_json:
            emit({"whole": False, "error": str(error)})
        raise


def _warnings(context: Any, looks: list[Any], golds: list[Any]) -> list[str]:
    from assay.pipelines.analysis import config_check, disputed

    told = disputed.summarize_stored(context)
    lines = [line] if told and (line := disputed.disputed_sentence(told)) else []
    for look in looks:
        if counts := look.dropped + look.noticed:
            lines.append(
                f"{look.name}: of the first {look.rows} rows "
                + ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
            )
    for gold in golds:
        if not gold.accepted:
            lines.append(
                f"{gold.source}: the verifier {gold.verifier!r} accepts the gold answer {gold.gold[:80]!r} in no usual form"
            )
    return lines + config_check.forebodings(context.config, looks)


def _show(golds: list[Any]) -> None:
    """One prompt as the policy is asked, then of each source a gold answer with the verdicts on it."""
    console = page()
    console.print(
        f"a prompt ({golds[0].source}), before the model's chat template:\n{golds[0].prompt}",
        markup=False,
        soft_wrap=True,
    )
    for gold in golds:
        console.print(f"gold ({gold.source}): {gold.gold[:GOLD_SHOWN]}", markup=False, soft_wrap=True)
        if not gold.verdicts:
            console.print(f"  the verifier {gold.verifier!r} runs programs, which no sentence is", markup=False)
        for text, verdict in zip(gold.texts, gold.verdicts, strict=True):
            console.print(f"  {verdict.outcome}: {text[:GOLD_SHOWN]!r}", markup=False, soft_wrap=True)
