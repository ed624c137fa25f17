"""The tables and views as Markdown, for the part of docs/store.md between its two marks."""

import importlib

import duckdb

from assay.stores.schema import sql_type
from assay.stores.sql.definitions import definitions
from assay.stores.sql.intervals import usual_intervals
from assay.stores.sql.views import create_intervals, create_views
from assay.stores.tables import schemas

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
BAR = r"\|"  # a bar inside a cell


def describe_tables() -> str:
    """Return every table and then every view as Markdown, by name, with columns, types and meanings.

    Raises:
        LookupError: a view has a column without a meaning in its `.sql` file, or the file describes one that is not.
    """
    return "\n".join([*(_table(name) for name in schemas()), *_views()])


def rewrite_page(page: str) -> str:
    """Return the page with the part between its two marks brought up to date.

    Raises:
        ValueError: the page lacks a mark.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page of {len(page)} characters lacks {BEGIN if not begin else END}")
    return f"{before}{BEGIN}\n\n{describe_tables()}\n{END}{after}"


def _table(name: str) -> str:
    schema = schemas()[name]
    rows = [(field.name, sql_type(field.type), field.metadata[b"meaning"].decode()) for field in schema]
    says = importlib.import_module(f"assay.stores.tables.{name}").__doc__ or ""
    return _section(name, says, rows)


def _views() -> list[str]:
    sections = []
    with duckdb.connect(":memory:") as connection:
        create_intervals(connection, usual_intervals())
        create_views(connection)
        for name, view in definitions().items():
            if view.kind != "VIEW":
                continue
            types = {row[0]: row[1] for row in connection.execute(f'DESCRIBE "{name}"').fetchall()}
            if stray := set(types) ^ set(view.columns):
                raise LookupError(
                    f"{name}: {sorted(stray)} are columns of the view or have a meaning in {name}.sql, but not both"
                )
            rows = [(column, types[column], view.columns[column]) for column in types]
            sections.append(_section(f"{name} (view)", view.says, rows))
    macros = [
        (f"{name}{view.body.partition(' AS')[0]}", view.says)
        for name, view in definitions().items()
        if view.kind == "MACRO"
    ]
    lines = [f"| `{call}` | {says.replace('|', BAR)} |" for call, says in macros]
    return [*sections, "\n".join(["### Macros", "", "| macro | what it gives |", "|---|---|", *lines, ""])]


def _section(title: str, says: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| `{column}` | {kind} | {meaning.replace('|', BAR)} |" for column, kind, meaning in rows]
    return "\n".join([f"### {title}", "", says.strip(), "", "| column | type | meaning |", "|---|---|---|", *lines, ""])
