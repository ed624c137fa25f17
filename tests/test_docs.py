"""The commands, configs and links of README and docs hold: how-tos are run, every other command line is parsed, and the site builds strictly."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from assay.cli.apps import assay_app, curate_app, train_app
from assay.core.config import read_config

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [ROOT / "README.md", *(path for path in ROOT.glob("docs/**/*.md") if path.name not in {"log.md", "benchmarks.md"})]
)
HOWTOS = sorted(ROOT.glob("docs/howto/*.md"))
FENCE = re.compile(r"(<!-- not run: [^>]+ -->\n)?^```(\w+)?([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SETTING = re.compile(r"`(?:\w+\.)*([a-z_]+) = [^`\n]+`")  # in a line of prose
TITLE = re.compile(r'title="([^"]+)"')
APPS = {"curate": curate_app, "train": train_app, "assay": assay_app}


class Block(NamedTuple):
    """A fenced block of a page: its language, the file that its title names, its text, and whether it is run."""

    language: str
    file: str
    text: str
    is_run: bool


def read_blocks(page: Path) -> list[Block]:
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    titles = [TITLE.search(rest) for _, _, rest, _ in found]
    return [
        Block(language, title.group(1) if title else "", text, not mark)
        for (mark, language, _, text), title in zip(found, titles, strict=True)
    ]


def command_lines(block: Block) -> Iterator[list[str]]:
    """The command lines of ours in a console block, as words; comments and what another program does are left out."""
    if block.language not in {"console", "bash", "sh", ""}:
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        if words and words[0] in APPS and not {"|", "…", "..."} & set(words):
            yield words


def parse(words: list[str]) -> None:
    """Parse a command line as typer would, without calling the command."""
    command, name, rest = get_command(APPS[words[0]]), words[0], words[1:]
    while hasattr(command, "commands"):
        context = command.make_context(name, list(rest))
        rest = [*context._protected_args, *context.args] if hasattr(context, "_protected_args") else context.args
        if not rest:
            return
        name, found, rest = command.resolve_command(context, rest)
        command = found
    command.make_context(name, list(rest))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_command_lines_of_a_page_are_ones_that_exist(page: Path) -> None:
    wrong = []
    for block in read_blocks(page):
        for words in command_lines(block):
            try:
                parse(words)
            except Exception as error:  # noqa: BLE001  # click's usage errors, each with its command line
                wrong.append((" ".join(words), str(error)))
    assert wrong == []


def test_a_setting_that_a_page_tells_to_set_is_a_name_in_the_code() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "assay").rglob("*.py"))
    names = set(re.findall(r"\b[a-z_]+\b", code))
    told = {
        (str(page.relative_to(ROOT)), name)
        for page in PAGES
        for name in SETTING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    }
    assert len(told) > 40
    assert [(page, name) for page, name in sorted(told) if name not in names] == []


@pytest.mark.model
@pytest.mark.parametrize("page", HOWTOS, ids=lambda page: page.stem)
def test_a_how_to_runs_from_its_first_block_to_its_last(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for block in read_blocks(page):
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        if block.file.endswith(".toml"):
            read_config(block.file)
        for words in command_lines(block) if block.is_run else ():
            ran: Any = CliRunner().invoke(APPS[words[0]], words[1:])
            assert ran.exit_code == 0, f"{' '.join(words)}\n{ran.output}"


@pytest.mark.service
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the site needs the extra docs")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "1"}
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    ran = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    pages = list(tmp_path.glob("site/**/*.html"))
    assert len(pages) > 35
    loaded = re.compile(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="https?://[^"]+"')
    assert [
        (page.name, loaded.findall(text)) for page in pages if loaded.search(text := page.read_text(encoding="utf-8"))
    ] == []


def test_each_extra_is_explained() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    table = page[page.index("| extra | what it is for |") :].split("\n\n")[0]
    explained = [name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(explained) == sorted(extras)
