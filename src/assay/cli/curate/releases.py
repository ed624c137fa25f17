"""`curate tag`, `curate diff`: keep a state of a pool under a name, and say what changed between two."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AnyLake, AsJson, ConfigPath, LakeDir, Sets, load_config, print_json, report_errors
from assay.cli.tables import build_table

Name = Annotated[str, typer.Argument(metavar="NAME", help="The release's name.", show_default=False)]
Note = Annotated[str, typer.Option("--note", help="A note on the release.", show_default=False)]
Before = Annotated[
    str, typer.Argument(metavar="A", help="A release, or a config for its current state.", show_default=False)
]
After = Annotated[str, typer.Argument(metavar="B", help="Another release or config.", show_default=False)]


def tag(
    name: Name, path: ConfigPath, note: Note = "", lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False
) -> None:
    """Freeze a config's problems, labels, verifier versions, pass rates and selection under a name.

    Compaction keeps releases, and `curate lake delete` refuses to delete their rows. `SELECT * FROM tags` lists them.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.analysis.releases import tag_release
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with (
            Lake(config.lake, create=False) as opened,
            RunContext(config, opened, reporter, command="curate tag") as context,
        ):
            result = tag_release(context, name, note=note)
    if as_json:
        print_json(result)
        return
    state = "tagged" if result["is_new"] else "is tagged already, with the same content"
    reporter.say(
        f"{name} {state}: {result['problems']} problems, {result['kept']} selected, content {result['content']}"
    )


def diff(before: Before, after: After, lake: AnyLake = ".assay/lake", as_json: AsJson = False) -> None:
    """Show what changed between two releases, or between a release and a config's current state: problems, labels,
    verifiers, pass rates, selection.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.pipelines.analysis.releases import compare_releases

        place = next((str(load_config(Path(name), "", []).lake) for name in (before, after) if _is_config(name)), lake)
        result = compare_releases(*(_read(name, place, reporter) for name in (before, after)))
    if as_json:
        print_json(result)
    else:
        _print(result)


def _is_config(name: str) -> bool:
    return name.endswith(".toml")


def _read(name: str, place: str, reporter: ConsoleReporter) -> Any:
    from assay.pipelines.analysis.releases import present_release, stored_release
    from assay.pipelines.context.run import RunContext
    from assay.stores.lake import Lake

    if not _is_config(name):
        with Lake(place, create=False) as opened:
            return stored_release(opened, name)
    config = load_config(Path(name), "", [])
    with (
        Lake(config.lake, create=False) as opened,
        RunContext(config, opened, reporter, command="curate diff") as context,
    ):
        return present_release(context, name)


def _print(result: dict[str, Any]) -> None:
    problems, labels, rates, selection = (result[part] for part in ("problems", "labels", "rates", "selection"))
    rows = [
        ("problems", problems["a"], problems["b"], f"{problems['added']} added, {problems['removed']} removed"),
        ("labels", None, None, f"{labels['changed']} changed"),
        *(
            ("verifier", pair["a"] or "-", pair["b"] or "-", f"{pair['problems']} problems")
            for pair in result["verifiers"]
        ),
        ("rates", None, rates["compared"], _say_rates(rates)),
        ("selected", selection["a"], selection["b"], _say_selection(selection)),
    ]
    console = open_console()
    if result["policy"][0] != result["policy"][1]:
        console.print(f"of two policies: {' and '.join(result['policy'])}", markup=False, soft_wrap=True)
    console.print(build_table("", ("", result["a"], result["b"], "change"), rows))
    for label in labels["examples"]:
        console.print(f"label of {label['problem_id']}: {label['a']!r} -> {label['b']!r}", markup=False, soft_wrap=True)
    moved_rows = [row for row in rates["examples"] if abs(row["chance_up"] - 0.5) >= 0.45]
    if moved_rows:
        head = ("problem", result["a"], result["b"], "P(it rose)")
        rows = [(row["problem_id"], row["a"], row["b"], row["chance_up"]) for row in moved_rows]
        console.print(build_table("rates that moved most clearly", head, rows))


def _say_rates(rates: dict[str, Any]) -> str:
    if not rates["compared"]:
        return "no problem has a score in both"
    return (
        f"{rates['changed']} have new attempts, {rates['up']} clearly rose, {rates['down']} clearly fell; "
        f"mean {rates['mean_change']:+.3f}"
    )


def _say_selection(selection: dict[str, Any]) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in selection["reasons"].items())
    return f"{selection['entered']} entered, {selection['left']} left" + (f" ({reasons})" if reasons else "")
