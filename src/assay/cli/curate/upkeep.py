"""`curate fsck`, `curate compact`, `curate forget`: the lake verified, merged, and relieved of what people asked to remove."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import FAILED, AnyLake, AsJson, emit, exits
from assay.cli.tables import table
from assay.core.errors import ConfigError

Look = Annotated[bool, typer.Option("--check", help="Only look: set nothing aside.")]
Drop = Annotated[
    bool,
    typer.Option(
        "--drop",
        help="Also take out of the views the rows of missing files, of many broken ones, and attempts whose texts are lost.",
    ),
]
Keep = Annotated[
    float, typer.Option("--keep-hours", min=0, help="Replaced files stay so long, for readers that have them open.")
]
OfPolicy = Annotated[
    str, typer.Option("--policy", help="A policy's revision, or the name that people call it.", show_default=False)
]
OfSource = Annotated[str, typer.Option("--source", help="A source's name, as in problems.source.", show_default=False)]


def fsck(lake: AnyLake = ".assay/lake", look: Look = False, drop: Drop = False, as_json: AsJson = False) -> None:
    """Verify every file against the manifest; set aside what fails, and name the stage that restores it. Exit code 1 if anything was broken."""
    voice = ConsoleReporter()
    with exits(voice):
        from assay.stores.maintenance.fsck import fsck as verify

        found = verify(lake, repair=not look, drop=drop)
    if as_json:
        emit([asdict(each) for each in found])
    elif not found:
        voice.say(f"{lake}: every file is as its commit left it")
    else:
        page().print(
            table(
                "findings",
                ("kind", "rows", "run", "restore", "path"),
                [(e.kind, e.rows, e.run, e.restore, e.path) for e in found],
            )
        )
        for each in found:
            voice.say(f"{each.path}: {each.said}")
    if any(each.harm for each in found):
        raise typer.Exit(FAILED)


def compact(lake: AnyLake = ".assay/lake", keep_hours: Keep = 24.0, as_json: AsJson = False) -> None:
    """Merge small files and fold rows that two writers added at once; readers see the lake before or after, never between."""
    _upkeep(lake, as_json, lambda upkeep, opened: upkeep.compact(opened, run="compact", keep_s=keep_hours * 3600))


def forget(
    lake: AnyLake = ".assay/lake",
    policy: OfPolicy = "",
    source: OfSource = "",
    keep_hours: Keep = 24.0,
    as_json: AsJson = False,
) -> None:
    """Remove every row of a policy or a source; a tombstone says how many went and when."""
    with exits(ConsoleReporter()):
        if bool(policy) == bool(source):
            raise ConfigError("forget takes exactly one of --policy and --source")
    by, value = ("policy", policy) if policy else ("source", source)

    def work(upkeep: Any, opened: Any) -> Any:
        upkeep.must_know(opened, by, value)
        return upkeep.forget(opened, by, value, run="forget", keep_s=keep_hours * 3600)

    _upkeep(lake, as_json, work)


def _upkeep(lake: str, as_json: bool, work: Any) -> None:
    voice = ConsoleReporter()
    with exits(voice):
        from assay.stores.lake import Lake
        from assay.stores.maintenance import compaction

        with Lake(lake, create=False) as opened:
            done = work(compaction, opened)
            opened.catalogue()
    if as_json:
        emit(asdict(done))
        return
    removed = ", ".join(f"{count} {name}" for name, count in done.removed.items())
    voice.say(
        f"{lake}: {done.before} files, now {done.after}; {removed or 'no rows'} removed; {done.swept} replaced files deleted"
        + (f"; {done.rests} rests of killed writes deleted" if done.rests else "")
    )
