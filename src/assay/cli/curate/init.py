"""`curate init`: write a first config from a data file."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AsJson, print_json, report_errors
from assay.core.errors import ConfigError

PROMPT_SHOWN, GOLD_SHOWN = 1_000, 200  # characters
Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="A JSONL, JSON, CSV, TSV or Parquet file.", show_default=False)
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="CONFIG", help="The config to write; NAME.toml in this folder.", show_default=False),
]
Prompt = Annotated[
    str, typer.Option("--prompt", metavar="FIELD", help="The field of the question.", show_default=False)
]
Answer = Annotated[str, typer.Option("--answer", metavar="FIELD", help="The field of the answer.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing config.")]


def init(
    data: Data,
    out: Out = None,
    prompt: Prompt = "",
    answer: Answer = "",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a commented config for a data file. Guesses its fields, tries them, and shows three rows as problems.

    On a terminal it asks whether the two fields are right; in a pipe it asks nothing.
    """
    with report_errors(ConsoleReporter()):
        from assay.pipelines.analysis import config_draft

        config = out or Path(data.name.split(".")[0] + ".toml")
        if config.exists() and not force:
            raise ConfigError(
                f"{config} already exists: write to another file with --out, or overwrite it with --force"
            )
        draft = config_draft.draft_config(data, prompt=prompt, answer=answer)
        if sys.stdin.isatty() and sys.stdout.isatty() and not as_json:
            draft = _ask(data, draft, prompt, answer)
        text = config_draft.render_config(draft, data, config)
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(text, encoding="utf-8")
        problems = config_draft.shown_problems(draft)
        if as_json:
            source = {"type": "files", **draft.guess.settings}
            counts = {"rows": draft.rows, "problems": len(draft.problems), "dropped": dict(draft.dropped)}
            print_json({"config": str(config), "source": source, **counts, "shown": problems})
            return
        _print_draft(draft, problems, config)


def _ask(data: Path, draft: Any, prompt: str, answer: str) -> Any:
    """Ask for the fields that the command line does not name; return the draft with the answers."""
    from assay.pipelines.analysis import config_draft

    settings = draft.guess.settings
    if not prompt and isinstance(settings["prompt"], str):
        prompt = typer.prompt("field of the question", default=settings["prompt"])
    answer = answer or typer.prompt("field of the gold answer", default=settings["answer"])
    return config_draft.draft_config(data, prompt=prompt, answer=answer)


def _print_draft(draft: Any, problems: list[dict[str, str]], config: Path) -> None:
    from assay.pipelines.analysis import config_draft

    console = open_console()
    for number, problem in enumerate(problems, 1):
        console.print(f"problem {number}", style="bold", markup=False)
        console.print(problem["prompt"][:PROMPT_SHOWN], markup=False, soft_wrap=True)
        console.print(f"gold: {problem['answer'][:GOLD_SHOWN]}\n", markup=False, soft_wrap=True)
    for name, value in draft.guess.settings.items():
        why = f" ({draft.guess.reasons[name]})" if name in draft.guess.reasons else ""
        console.print(f"{name} = {value!r}{why}", markup=False, soft_wrap=True)
    console.print(f"{len(draft.problems)} of the first {draft.rows} rows are problems", markup=False)
    if draft.dropped:
        reasons = ", ".join(f"{count} {reason}" for reason, count in draft.dropped.most_common())
        console.print(f"dropped: {reasons}; {draft.example}", markup=False, soft_wrap=True)
    for note in draft.guess.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    if config_draft.is_cut(draft):
        console.print(f"a first run reads {config_draft.TRIAL_ROWS} rows; delete `limit` for all of them", markup=False)
    console.print(f"wrote {config}; next: curate check {config}", markup=False, soft_wrap=True)
