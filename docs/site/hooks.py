"""Write the site's reference from the code: commands, parts and the Python API. MkDocs calls what begins with `on_`."""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.utils import get_relative_url
from typer.main import get_command

from assay.cli.apps import curate_app, train_app
from assay.core.parts import list_parts, load_part

WORKER = "https://unpkg.com/iframe-worker/shim"
WRITTEN = "This page is written from the code when the site is built.\n\n"
KINDS = {
    "source": "Sources",
    "filter": "Filters",
    "verifier": "Verifiers",
    "scorer": "Scorers",
    "selector": "Selectors",
    "curriculum": "Curricula",
    "engine": "Engines",
    "method": "Methods of synthesis",
    "objective": "Objectives",
    "export": "Exports",
    "training_set": "Training sets",
}
PYTHON = {
    "A pool": ["assay.api.problems.problems"],
    "Stages": [f"assay.api.stages.{name}" for name in ("score", "select", "order", "train")],
    "Results": [f"assay.api.results.{name}" for name in ("ProblemRows", "Scores", "SelectionRows", "CurriculumRows")],
    "One answer": ["assay.pipelines.analysis.grade.grade"],
    "The lake": ["assay.stores.lake.Lake"],
}


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages to those of the folder."""
    root = Path(config["config_file_path"]).parent
    pages = {
        "commands": _commands(),
        "parts": _parts(),
        "python": _python(),
        "config": _config(root / "configs" / "reference.toml"),
        "changes": (root / "CHANGELOG.md").read_text(encoding="utf-8"),
        "security": (root / "SECURITY.md").read_text(encoding="utf-8"),
    }
    for name, text in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Take the theme's helper for searching without a server from this site in the place of another's."""
    return output.replace(WORKER, get_relative_url("site/iframe-worker.js", page.url))


def on_post_template(output: str, template_name: str, config: Any) -> str:
    """The same for the page that says that a page is missing."""
    return output.replace(WORKER, "site/iframe-worker.js")


def _commands() -> str:
    """Return a section per command: its sentence, how it is called and what its options mean."""
    lines = ["# Command reference\n\n", WRITTEN]
    for app, name in ((curate_app, "curate"), (train_app, "train")):
        lines += _command_sections(get_command(app), name)
    return "".join(lines)


def _command_sections(command: Any, path: str) -> Iterator[str]:
    children = getattr(command, "commands", {})
    yield f"## `{path}`\n\n{_one_line(command.help or command.short_help)}\n\n"
    if not children or getattr(command, "invoke_without_command", False):
        arguments = [item for item in command.params if item.param_type_name == "argument"]
        words = [_argument(item) if item.required else f"[{_argument(item)}]" for item in arguments]
        yield f"```console\n{' '.join([path, *words])}\n```\n\n"
        yield from _option_table([item for item in command.params if getattr(item, "help", None)])
    for name, child in sorted(children.items()):
        if not child.hidden:
            yield from _command_sections(child, f"{path} {name}")


def _argument(item: Any) -> str:
    return str(item.metavar or item.name).strip("[]").upper()


def _option_table(options: list[Any]) -> Iterator[str]:
    if not options:
        return
    yield "| option | meaning |\n|---|---|\n"
    for option in options:
        is_argument = option.param_type_name == "argument"
        name = _argument(option) if is_argument else ", ".join([*option.opts, *option.secondary_opts])
        yield f"| `{name}` | {_cell(option.help)} |\n"
    yield "\n"


def _parts() -> str:
    """Return a section per part with its first paragraph and its settings."""
    lines = ["# Parts and their settings\n\n", WRITTEN]
    lines.append("Papers, and where each part differs from its paper: [Methods](../methods.md).\n\n")
    for kind, title in KINDS.items():
        lines.append(f"## {title}\n\n")
        for name in list_parts(kind):
            lines += _part_section(load_part(kind, name), name)
    return "".join(lines)


def _part_section(part: type, name: str) -> Iterator[str]:
    yield f"### `{name}`\n\n{_one_line((inspect.getdoc(part) or '').split(chr(10) * 2)[0])}\n\n"
    settings = _read_settings(part)
    if settings:
        yield "| setting | default | meaning |\n|---|---|---|\n"
    for setting, (default, comment) in settings.items():
        yield f"| `{setting}` | {_cell(default)} | {_cell(comment)} |\n"
    yield "\n"


def _read_settings(part: type) -> dict[str, tuple[str, str]]:
    """Return default and comment of each setting by its name, from the source of the class and of those it extends."""
    names = [setting.name for setting in fields(part) if setting.init] if is_dataclass(part) else []
    found: dict[str, tuple[str, str]] = {}
    for base in reversed(part.__mro__):
        if is_dataclass(base) and base.__module__.startswith("assay"):
            found |= _class_settings(textwrap.dedent(inspect.getsource(base)))
    return {name: found[name] for name in names if name in found}


def _class_settings(source: str) -> dict[str, tuple[str, str]]:
    """Return default and comment of each annotated name of a class; a comment goes on over lines of its own.

    >>> _class_settings("class A:\\n    n: int = 8  # attempts\\n    # of each problem\\n")
    {'n': ('`8`', 'attempts of each problem')}
    """
    lines, found = source.splitlines(), {}
    for item in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(item, ast.AnnAssign):
            own = [line.partition("  # ")[2] for line in lines[item.lineno - 1 : item.end_lineno]]
            more = itertools.takewhile(lambda line: line.startswith("#"), map(str.strip, lines[item.end_lineno :]))
            comment = " ".join(filter(None, [*own, *(line.lstrip("# ") for line in more)]))
            found[ast.unparse(item.target)] = (f"`{ast.unparse(item.value)}`" if item.value else "required", comment)
    return found


def _python() -> str:
    """Return the page of which mkdocstrings fills in the functions and classes."""
    lines = ["# Python reference\n\n", WRITTEN, "How they are used: [From Python](../python.md).\n\n"]
    for title, names in PYTHON.items():
        lines.append(f"## {title}\n\n")
        lines += [f"::: {name}\n\n" for name in names]
    return "".join(lines)


def _config(path: Path) -> str:
    """Return the reference config as a page."""
    text = path.read_text(encoding="utf-8")
    return f"# Every key of a config\n\nThis is `configs/reference.toml`.\n\n```toml\n{text}```\n"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _cell(text: str | None) -> str:
    return _one_line(text).replace("|", "\\|").replace("<", "&lt;")
