"""Answer an unknown command: a former name with the present one, any other with its neighbours."""

from typing import Any

import typer
from typer.core import TyperGroup

from assay.core.errors import suggest_names

OLD_COMMANDS = {  # (program, former name): present name
    ("curate", "arrange"): "order",
    ("curate", "compare policies"): "analyze policies",
    ("curate", "compare selectors"): "analyze selectors",
    ("curate", "compare"): "analyze selectors",
    ("curate", "forecast"): "analyze curricula",
    ("curate", "recheck"): "analyze selection-bias",
    ("curate", "passes"): "analyze pass-at-k",
    ("curate", "lengths"): "analyze lengths",
    ("curate", "clusters"): "analyze clusters",
    ("curate", "explain"): "show",
    ("curate", "fsck"): "lake fsck",
    ("curate", "compact"): "lake compact",
    ("curate", "forget"): "lake delete",
    ("curate", "serve"): "schedule serve",
    ("curate", "deploy"): "schedule deploy",
    ("curate", "engine serve"): "serve-model",
    ("curate", "engine"): "serve-model",
}


def present_command(program: str, words: list[str]) -> str:
    """Return what a former command is called now; "" where there was never such a command.

    Args:
        program: such as "curate".
        words: of the command line behind it.

    >>> present_command("curate", ["engine", "serve", "--port", "0"])
    'curate serve-model'
    """
    for count in (2, 1):
        if new := OLD_COMMANDS.get((program, " ".join(words[:count]))):
            return f"{program} {new}"
    return ""


class CurateGroup(TyperGroup):
    """The commands of `curate`; a former one is answered with its present name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command of the first word; where there is none, say in one line what it may be, and exit with 2."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            new = present_command("curate", args)
            hint = f"is called `{new}` now" if new else f"does not exist; {suggest_names(args[0], self.commands)}"
            typer.echo(f"error: `curate {args[0]}` {hint}", err=True)
            ctx.exit(2)
        return super().resolve_command(ctx, args)
