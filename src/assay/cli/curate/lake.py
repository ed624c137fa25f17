"""`curate lake fsck`, `compact`, `delete` and `merge`: verify a lake, merge its files, delete what people ask to
delete, and take over another lake's rows.
"""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import FAILED, AnyLake, AsJson, print_json, report_errors
from assay.cli.tables import build_table
from assay.core.errors import ConfigError

Look = Annotated[bool, typer.Option("--check", help="Only check; change nothing.")]
Drop = Annotated[
    bool,
    typer.Option(
        "--drop",
        help="Also remove from the views: rows of missing files, rows of damaged files if there are many, and "
        "attempts whose texts are lost.",
    ),
]
Keep = Annotated[
    float, typer.Option("--keep-hours", min=0, help="How long to keep replaced files, for readers that have them open.")
]
OfPolicy = Annotated[str, typer.Option("--policy", help="A policy's revision or name.", show_default=False)]
OfSource = Annotated[str, typer.Option("--source", help="A source's name, as in problems.source.", show_default=False)]

Tagged = Annotated[bool, typer.Option("--tagged", help="Also delete rows that belong to a release.")]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="The other lake's folder or s3:// address.")]


def fsck(lake: AnyLake = ".assay/lake", check_only: Look = False, drop: Drop = False, as_json: AsJson = False) -> None:
    """Verify every file against the manifest. Moves damaged files to quarantine/ and names the stage that restores
    their rows. Exit code 1 if anything was damaged.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.stores.maintenance.fsck import fsck as verify

        findings = verify(lake, repair=not check_only, drop=drop)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    elif not findings:
        reporter.say(f"{lake}: every file is intact")
    else:
        open_console().print(
            build_table(
                "findings",
                ("kind", "rows", "run", "restore", "path"),
                [(e.kind, e.rows, e.run, e.restore, e.path) for e in findings],
            )
        )
        for finding in findings:
            reporter.say(f"{finding.path}: {finding.said}")
    if any(finding.harm for finding in findings):
        raise typer.Exit(FAILED)


def compact(lake: AnyLake = ".assay/lake", keep_hours: Keep = 24.0, as_json: AsJson = False) -> None:
    """Merge small files, and rows that two writers added at the same time. Readers see the lake as before or as after,
    never in between.
    """
    _maintain(lake, as_json, lambda upkeep, opened: upkeep.compact(opened, run="compact", keep_s=keep_hours * 3600))


def delete(
    lake: AnyLake = ".assay/lake",
    policy: OfPolicy = "",
    source: OfSource = "",
    keep_hours: Keep = 24.0,
    tagged: Tagged = False,
    as_json: AsJson = False,
) -> None:
    """Delete every row of a policy or a source. A tombstone records how many rows were deleted and when. Refuses
    to delete rows that a release contains.
    """
    with report_errors(ConsoleReporter()):
        if bool(policy) == bool(source):
            raise ConfigError("delete takes exactly one of --policy and --source")
    by, value = ("policy", policy) if policy else ("source", source)

    def work(upkeep: Any, opened: Any) -> Any:
        upkeep.must_know(opened, by, value)
        return upkeep.forget(opened, by, value, run="delete", keep_s=keep_hours * 3600, tagged=tagged)

    _maintain(lake, as_json, work)


def merge(other: Other, lake: AnyLake = ".assay/lake", as_json: AsJson = False) -> None:
    """Add another lake's problems, attempts, verdicts and finished work to a lake, each row once. After a kill, the
    same command resumes.

    Reports what is not copied: attempts that both lakes sampled with different texts, results that this lake already
    has, and rows that were deleted from it.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.stores.lake import Lake
        from assay.stores.maintenance.merging import merge_lakes, merge_run

        with Lake(other, create=False) as theirs, Lake(lake) as ours:
            result = merge_lakes(ours, theirs, run=merge_run(ours, theirs))
            ours.catalogue()
    if as_json:
        print_json(asdict(result))
        return
    added_text = ", ".join(f"{count} {name}" for name, count in result.added.items())
    reporter.say(f"{lake}: {added_text or 'no rows'} added; {sum(result.present.values())} rows were here already")
    for reason, count in result.reasons.items():
        reporter.say(f"{count} {reason}")
    if result.withheld:
        reporter.say("stayed behind: " + ", ".join(f"{count} {name}" for name, count in result.withheld.items()))


def _maintain(lake: str, as_json: bool, work: Any) -> None:
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.stores.lake import Lake
        from assay.stores.maintenance import compaction

        with Lake(lake, create=False) as opened:
            result = work(compaction, opened)
            opened.catalogue()
    if as_json:
        print_json(asdict(result))
        return
    removed_text = ", ".join(f"{count} {name}" for name, count in result.removed.items())
    reporter.say(
        f"{lake}: {result.before} files, now {result.after}; {removed_text or 'no rows'} removed; {result.swept} "
        f"replaced files deleted" + (f"; {result.rests} leftovers of killed writes deleted" if result.rests else "")
    )
