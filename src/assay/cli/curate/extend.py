"""`curate extend`: a longer token cap for attempts that are stored, without paying again."""

from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import (
    DONE,
    PARTLY,
    AsJson,
    ConfigPath,
    LakeDir,
    Sets,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)
from assay.pipelines.stages import pool_stages

MaxTokens = Annotated[int, typer.Option("--max-tokens", min=1, help="The longer token cap.", show_default=False)]


def extend(
    path: ConfigPath, max_tokens: MaxTokens, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False
) -> None:
    """Continue the stored attempts that policy.max_tokens truncated, up to a longer cap. Finished attempts are
    reused.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)

    def body(context: Any) -> int:
        from assay.pipelines.runner.stages import run_extension

        counts = run_extension(context, max_tokens)
        if as_json:
            print_json(counts)
        else:
            _print_counts(counts, reporter)
        return PARTLY if counts["left"] else DONE

    run_with_context(config, "curate extend", body, reporter, upto=pool_stages()[-1])


def _print_counts(counts: dict[str, Any], reporter: ConsoleReporter) -> None:
    reporter.say(
        f"from {counts['from']} to {counts['to']} tokens: {counts['finished']} attempts had already ended and count "
        "unchanged, "
        f"{counts['continued']} were continued with {counts['tokens']} new tokens; "
        f"{counts['tokens_kept']} tokens generated before are reused"
    )
    if counts["by_text"]:
        reporter.warn(
            f"{counts['by_text']} were continued from their text, because their token ids are not stored or this "
            "engine cannot use them; the text may be tokenized differently than when it was sampled"
        )
    if counts["left"]:
        reporter.warn(
            f"{counts['left']} truncated attempts are left, and their problems do not count under the longer cap "
            "yet; run the "
            "same command again to continue"
        )
    reporter.say(f"next: curate run CONFIG --set policy.max_tokens={counts['to']}, or write it into the config")
