"""`curate export`: the curriculum for another trainer."""

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, load_config, print_json, report_errors
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
    str, typer.Option("--method", help="Of synthesis, for sft, dpo and prm; default: as `train sft` and `train dpo`.")
]
Form = Annotated[
    str, typer.Option("--form", help="Of sft: prompt_completion or messages (TRL), or verl.", show_default=False)
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder.")]
Filtered = Annotated[
    bool, typer.Option("--filtered", help="Write the rows that the selection left out as well, in a file of their own.")
]


def export(
    path: ConfigPath,
    to: To = "jsonl",
    out: Out = Path("export"),
    filtered: Filtered = False,
    method: Method = "",
    form: Form = "",
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
) -> None:
    """Write the curriculum in its order, or what synthesis stored, in the form that another trainer reads, and say how it
    is read.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.analysis.export import export as write
        from assay.pipelines.analysis.export_training_set import export_training_set
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with (
            Lake(config.lake, create=False) as opened,
            RunContext(config, opened, reporter, command="curate export") as context,
        ):
            if to in list_parts("training_set"):
                settings = {"form": form} if form else {}
                result = export_training_set(context, to, out.resolve(), settings, method=method)
            else:
                result = write(context, to, out.resolve(), filtered=filtered)
        if as_json:
            print_json(result)
            return
        if "left_out" in result:
            left_out = "".join(f", {count} left out: {reason}" for reason, count in result["left_out"].items())
            rows = f"{result['rows']} rows of {result['method']} for {to}{left_out}"
        else:
            rows = f"{result['rows']} rows for {to}, {result['filtered']} filtered rows"
        reporter.say(f"{result['folder']}: {rows}; it is read so:\n{result['snippet']}")
