"""Tables as they are printed."""

import io

from rich.console import Console

from assay.cli.console import WIDTH
from assay.cli.tables import build_table

DRIFTS = [f"signal, drift {drift}" for drift in range(3)]


def printed(*given, width: int = WIDTH) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(build_table(*given))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_number_is_never_cut_and_long_texts_give_way() -> None:
    columns = ("selection", *(f"a column of numbers {place}" for place in range(4)), "tokens")
    lines = printed(
        "wide",
        columns,
        [("frontier cluster_quota=none frontier_budgets=pool", 1, 2, 3, 4, 123456789), ("k", 1, 2, 3, 4, 5)],
    )
    assert all(len(line) <= WIDTH for line in lines)
    assert "123456789" in lines[3]
    assert lines[3].startswith("frontier cl…")


def test_the_quickstarts_difficulty_fits_80_columns_with_all_its_bins() -> None:
    columns = ("source", "kept", "attempts", "mean", "0", "<.2", "<.4", "<.6", "<.8", "<1", "1")
    lines = printed(
        "difficulty", columns, [("product of 2 digits", 7, "50/32/14/0", 0.52, 1, 0, 3, 3, 2, 2, 1)], width=80
    )
    assert all(len(line) <= 80 for line in lines)
    assert lines[1].split() == [*columns]
    assert lines[3].split() == [
        "product",
        "of",
        "2",
        "digits",
        "7",
        "50/32/14/0",
        "0.52",
        "1",
        "0",
        "3",
        "3",
        "2",
        "2",
        "1",
    ]


def test_heads_break_at_their_blanks_before_a_column_is_moved() -> None:
    lines = printed("", ("name", *DRIFTS, "kept"), [("a", 0.5, 0.25, 0.125, 60)], width=44)
    assert [line.split() for line in lines[:3]] == [["signal,"] * 3, ["drift"] * 3, ["name", "0", "1", "2", "kept"]]
    assert lines[4].split() == ["a", "0.50", "0.25", "0.12", "60"]


def test_columns_that_no_page_holds_follow_below_behind_the_first() -> None:
    intervals = [f"0.{place}50 [0.437, 0.863]" for place in range(4)]
    lines = printed("held out", ("policy", *(f"pass@{k}" for k in range(4))), [("step 0", *intervals)], width=60)
    assert all(len(line) <= 60 for line in lines)
    assert [line.split()[0] for line in lines if line] == [
        "held",
        "policy",
        lines[2],
        "step",
        "policy",
        lines[2],
        "step",
    ]
    assert all(any(interval in line for line in lines) for interval in intervals)


def test_a_page_narrower_than_its_least_columns_still_ends() -> None:
    lines = printed("", ("a", "b", "c"), [("x" * 30, "y" * 30, 123456789)], width=5)
    assert len(lines) == 7


def test_a_title_longer_than_its_table_stays_one_line() -> None:
    lines = printed("360 problems with 64 attempts", ("k", "share"), [("a", 0.5)])
    assert lines[0] == "360 problems with 64 attempts"
    assert len(lines) == 4


def test_markup_in_a_title_or_a_cell_is_text() -> None:
    lines = printed("[red]x", ("k",), [("[bold]y",)])
    assert (lines[0], lines[3]) == ("[red]x", "[bold]y")


def test_what_a_model_wrote_stays_on_one_line_and_moves_no_cursor() -> None:
    lines = printed("", ("said", "n"), [("one\ntwo\x1b[2J", 1)])
    assert lines[2].split() == ["one", "two", "[2J", "1"]


def test_a_missing_number_is_a_dash_among_numbers_and_nothing_is_minus_zero() -> None:
    lines = printed("", ("step", "loss"), [(0, -0.0001), (10, None)])
    assert lines[2:] == ["   0   0.00", "  10      -"]


def test_wide_letters_take_two_columns_each() -> None:
    lines = printed("", ("prompt", "n"), [("算" * 40, 12)], width=40)
    assert lines[2].endswith("…   12")


def test_the_backslash_of_a_formula_and_brackets_that_look_like_markup_stay() -> None:
    lines = printed("", ("prompt [bold]", "n"), [(r"If \[\sqrt[3]{2}\] and [red]x[/red]", 1)])
    assert lines[0].startswith("prompt [bold]")
    assert r"If \[\sqrt[3]{2}\] and [red]x[/red]" in lines[2]


def test_an_id_is_never_cut() -> None:
    ids = tuple(f"{number:024x}" for number in range(6))
    lines = printed("", tuple("abcdef"), [ids])
    assert all(id_ in "\n".join(lines) for id_ in ids)
    assert all(len(line) <= WIDTH for line in lines)
