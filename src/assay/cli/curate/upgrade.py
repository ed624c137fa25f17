"""`curate upgrade`: rewrite a config with the present names of its settings."""

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import AsJson, ConfigPath, print_json, report_errors
from assay.core.errors import ConfigError

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Write the new config here, and leave CONFIG unchanged.",
        show_default=False,
    ),
]


def upgrade(path: ConfigPath, out: Out = None, as_json: AsJson = False) -> None:
    """Rename old settings in a config to their present names. Keeps comments and order; stored results stay valid.

    The former file is kept as CONFIG.bak. A config that is up to date is not touched.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.core.config_upgrade import upgrade_text

        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        new, changes = upgrade_text(text)
        if out is not None:
            out.write_text(new, encoding="utf-8")
        elif changes:
            path.with_name(path.name + ".bak").write_text(text, encoding="utf-8")
            path.write_text(new, encoding="utf-8")
    if as_json:
        print_json({"config": str(out or path), "changes": [{"old": old, "new": present} for old, present in changes]})
        return
    for old, present in changes:
        reporter.say(f"{old} -> {present}")
    where = f"; the former file is {path.name}.bak" if changes and out is None else ""
    names = "1 name" if len(changes) == 1 else f"{len(changes)} names"
    reporter.say(f"{out or path}: {names} changed{where}" if changes else f"{path} is up to date")
