"""Tables as they are printed."""

import io

from rich.console import Console

from assay.cli.narrator import WIDTH, table


def printed(*given) -> list[str]:
    console = Console(file=io.StringIO(), width=WIDTH, highlight=False)
    console.print(table(*given))
    return console.file.getvalue().splitlines()


def test_a_number_is_never_cut_and_long_texts_give_way() -> None:
    columns = ("selection", *(f"a column of numbers {place}" for place in range(4)), "tokens")
    lines = printed("wide", columns, [("frontier spread=none width=pool", 1, 2, 3, 4, 123456789), ("k", 1, 2, 3, 4, 5)])
    assert all(len(line) <= WIDTH for line in lines)
    assert "123456789" in lines[3]
    assert lines[3].startswith("frontier sp…")


def test_a_title_longer_than_its_table_stays_one_line() -> None:
    lines = printed("360 problems with 64 attempts", ("k", "share"), [("a", 0.5)])
    assert lines[0].rstrip() == "360 problems with 64 attempts"
    assert len(lines) == 4


def test_markup_in_a_title_or_a_cell_is_text() -> None:
    lines = printed("[red]x", ("k",), [("[bold]y",)])
    assert (lines[0].rstrip(), lines[3].rstrip()) == ("[red]x", "[bold]y")
