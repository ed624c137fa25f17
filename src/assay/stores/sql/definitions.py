"""The views and macros that the files `NAME.sql` in this folder define, with the meanings that their comments give.

A file begins with comment lines: what it is, and for a view, after an empty comment line, `column: meaning` of each of
its columns (several columns of one meaning are separated by commas; a continued line is indented). Then comes one
statement, `CREATE VIEW NAME AS ...` or `CREATE MACRO NAME(...) AS ...`. Use them in queries instead of writing the same
SELECT again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assay.stores.references import traced_tables

FOLDER = Path(__file__).parent
STATEMENT = re.compile(r"CREATE (VIEW|MACRO) (\w+)(.*)", re.DOTALL)
TRACED_ROWS = "traced_rows"  # in a definition: the ids and runs of all tables that `lineage` shows
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Definition:
    """One view or macro."""

    name: str
    kind: str  # VIEW or MACRO
    body: str  # what follows the name in its statement
    says: str  # what a row is, or what the macro returns
    columns: Mapping[str, str]  # of a view: column -> its meaning

    def statement(self, kind: str = "") -> str:
        """Return the statement that creates it; `kind` "TEMP" = seen by one connection alone."""
        return f'CREATE OR REPLACE {kind} {self.kind} "{self.name}"{self.body}'

    @property
    def words(self) -> set[str]:
        """Every word of its body; among them are the tables, views and macros that it reads."""
        return set(WORD.findall(self.body.lower()))


@cache
def definitions() -> dict[str, Definition]:
    """Return every view and macro by name, in an order in which each reads only earlier ones."""
    rest = {path.stem: parse(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.sql"))}
    ordered: dict[str, Definition] = {}
    while rest:
        ready = [name for name, definition in rest.items() if not definition.words & (rest.keys() - {name})]
        if not ready:
            raise ValueError(f"{', '.join(rest)} read one another")
        ordered |= {name: rest.pop(name) for name in ready}
    return ordered


def views() -> dict[str, Definition]:
    """Return the views by name, in an order in which each reads only earlier ones."""
    return {name: definition for name, definition in definitions().items() if definition.kind == "VIEW"}


def macros() -> dict[str, Definition]:
    """Return the macros by name, in an order in which each calls only earlier ones."""
    return {name: definition for name, definition in definitions().items() if definition.kind == "MACRO"}


def parse(text: str) -> Definition:
    """Read one file.

    Raises:
        ValueError: its statement is neither CREATE VIEW nor CREATE MACRO.

    >>> view = parse("-- Numbers.\\n--\\n-- n, m: 1\\n--   and 2\\nCREATE VIEW numbers AS SELECT 1 AS n, 2 AS m")
    >>> view.name, view.says, dict(view.columns)
    ('numbers', 'Numbers.', {'n': '1 and 2', 'm': '1 and 2'})
    """
    lines = text.strip().splitlines()
    count = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
    statement = "\n".join(lines[count:]).rstrip(";\n ")
    if not (match := STATEMENT.fullmatch(statement)):
        raise ValueError(f"neither CREATE VIEW nor CREATE MACRO: {statement[:60]!r}")
    comments = [line[2:] for line in lines[:count]]
    end = comments.index("") if "" in comments else len(comments)
    says = " ".join(line.strip() for line in comments[:end])
    rows = " UNION ALL ".join(f'SELECT \'{name}\' AS "table", id, run FROM "{name}"' for name in traced_tables())
    body = re.sub(rf"\b{TRACED_ROWS}\b", lambda _: f"({rows})", match[3])
    return Definition(match[2], match[1], body, says, _columns(comments[end + 1 :]))


def _columns(lines: list[str]) -> dict[str, str]:
    joined_lines: list[str] = []
    for line in lines:
        if line.startswith("  ") and joined_lines:
            joined_lines[-1] += f" {line.strip()}"
        else:
            joined_lines.append(line.strip())
    columns: dict[str, str] = {}
    for names, _, meaning in (line.partition(": ") for line in joined_lines):
        columns |= dict.fromkeys(names.split(", "), meaning)
    return columns
