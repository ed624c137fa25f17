"""`curate export`: the curriculum for another trainer, and its rollouts."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from assay.cli.console import ConsoleReporter
from assay.cli.runner import FAILED, AsJson, ConfigPath, LakeDir, Sets, load_config, print_json, report_errors
from assay.core.errors import ConfigError
from assay.core.parts import list_parts

To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="NAME",
        help=f"The curriculum: one of {', '.join(list_parts('export'))}. "
        f"What synthesis stored: {', '.join(list_parts('training_set'))}.",
    ),
]
Method = Annotated[
    str,
    typer.Option(
        "--method",
        help="The synthesis method, for sft, dpo, kto and prm; default: as in `train sft`, `train dpo` and `train kto`.",
    ),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder.")]
Filtered = Annotated[
    bool, typer.Option("--filtered", help="Also write the rows that were not selected, to a separate file.")
]
Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Run the exported reward on 200 gold answers and on 200 stored attempts of each outcome; exit code 1 if one "
        "differs from the lake. An existing export in the folder is checked as it is.",
    ),
]


Push = Annotated[
    str,
    typer.Option(
        "--push",
        metavar="OWNER/NAME",
        help="Also publish what --to hub writes as this data set of the Hugging Face hub: a private one, unless --public.",
    ),
]
Public = Annotated[bool, typer.Option("--public", help="With --push: make it public.")]
FileForm = Annotated[
    str, typer.Option("--as", metavar="FORM", help="jsonl, parquet, or traces: sessions for the hub's viewer.")
]
EveryPolicy = Annotated[
    bool,
    typer.Option(
        "--every-policy", help="Include rollouts of other policies and sampling configs, and those of training."
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=0, help="Maximum number of rollouts; 0 = all.")]


class DefaultGroup(TyperGroup):
    """A group whose first command is meant where none is named, so that `curate export CONFIG` stays a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the first command's name in front of arguments that begin with no command's."""
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = [next(iter(self.commands)), *args]
        return list(super().parse_args(ctx, args))


EXAMPLES = (
    "Examples:",
    "curate export CONFIG --out subset: the chosen problems as JSON lines (`--to jsonl`)",
    "curate export CONFIG --to verl --out verl: Parquet and a reward function; others are "
    + ", ".join(name for name in list_parts("export") if name not in ("jsonl", "verl")),
    "curate export CONFIG --to verl --out verl --check: compare the exported reward with the lake's verdicts",
    "curate export CONFIG --to sft --method dart: what `curate synthesize` stored; others are "
    + ", ".join(name for name in list_parts("training_set") if name != "sft"),
    "curate export rollouts CONFIG --as parquet: the attempts with their verdicts",
)
app = typer.Typer(
    help="Export the curriculum, a training set or the rollouts. `export CONFIG --to NAME` is short for "
    "`export curriculum CONFIG --to NAME`, whose options `curate export curriculum --help` lists.",
    epilog="\n\n".join(EXAMPLES),
    cls=DefaultGroup,
    no_args_is_help=True,
)


@app.command("curriculum")
def export(
    path: ConfigPath,
    to: To = "jsonl",
    out: Out = Path("export"),
    filtered: Filtered = False,
    check: Check = False,
    method: Method = "",
    push: Push = "",
    public: Public = False,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
) -> None:
    """Write the curriculum with its reward, or a training set that synthesis stored, in the format of another trainer,
    and show how to load it.

    Settings of an export are keys of the config: --set export.settings.verl.data_source=math_dapo.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.analysis.export import export as write
        from assay.pipelines.analysis.export_check import check_export
        from assay.pipelines.analysis.export_training_set import export_training_set
        from assay.pipelines.analysis.publish import check_publication, publish
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        folder = out.resolve()
        is_set = to in list_parts("training_set")
        if check and is_set:
            raise ConfigError(f"--check runs the exported reward, and an export to {to} has none")
        if push:
            check_publication(to, push)
        elif public:
            raise ConfigError("--public only works together with --push OWNER/NAME")
        only_check = check and folder.is_dir() and any(folder.iterdir())
        with (
            Lake(config.lake, create=False) as opened,
            RunContext(config, opened, reporter, command="curate export") as context,
        ):
            result: dict[str, Any] = {"folder": str(folder)}
            if is_set:
                result = export_training_set(context, to, folder, method=method)
            elif not only_check:
                result = write(context, to, folder, filtered=filtered)
            checks = check_export(context, to, folder) if check else None
        if push and (checks is None or checks.equal):
            result |= {"published": publish(folder, push, public=public)}
        if as_json:
            print_json(result | ({"check": asdict(checks)} if checks else {}))
        else:
            if not only_check:
                reporter.say(f"{result['folder']}: {_describe_rows(to, result)}; read it with:\n{result['snippet']}")
            if checks:
                _show_check(reporter, checks)
            if push and "published" in result:
                reporter.say(f"published {'for everybody' if public else 'privately'}: {result['published']}")
        if checks and not checks.equal:
            raise typer.Exit(FAILED)


def _describe_rows(to: str, result: Mapping[str, Any]) -> str:
    """Return how many rows were written, and into which files."""
    if "left_out" in result:
        left_out = "".join(f", {count} left out: {reason}" for reason, count in result["left_out"].items())
        return f"{result['rows']} rows of {result['method']} for {to}{left_out}"
    return f"{result['rows']} rows for {to}, {result['filtered']} rows that were not selected; files: {', '.join(result['files'])}"


@app.command("rollouts")
def rollouts(
    path: ConfigPath,
    form: FileForm = "jsonl",
    out: Out = Path("rollouts"),
    every_policy: EveryPolicy = False,
    limit: Limit = 0,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
) -> None:
    """Write the rollouts of the config's problems with their verdicts: JSON lines, Parquet or session traces."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.analysis.export_rollouts import export_rollouts
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with (
            Lake(config.lake, create=False) as opened,
            RunContext(config, opened, reporter, command="curate export rollouts") as context,
        ):
            result = export_rollouts(context, form, out.resolve(), every_policy=every_policy, limit=limit)
        if as_json:
            print_json(result)
            return
        counts = ", ".join(f"{count} {outcome}" for outcome, count in result["outcomes"].items())
        reporter.say(f"{result['folder']}: {result['rollouts']} rollouts as {form}: {counts}")


def _show_check(reporter: ConsoleReporter, checks: Any) -> None:
    """Print what was sent through the reward, and where it differs from the lake."""
    for kind, count in checks.sent.items():
        reporter.say(f"checked {count} {kind}: {count - checks.differing.get(kind, 0)} as in the lake")
    for example in checks.examples:
        reporter.say(
            f"  {example['problem_id'][:12]} ({example['kind']}): the lake has {example['lake']}, the exported reward "
            f"{example['exported']}: ...{example['text'][-80:]!r}"
        )
