"""The pieces of a page."""

from assay.reports._markup import Markup, render_value


def test_a_megabyte_is_cut_and_numbers_are_short() -> None:
    assert len(render_value("a" * 1_000_000)) == 240
    assert [render_value(value) for value in (1234567, 0.5, 1234.5, None, True, Markup("<b>"))] == [
        "1,234,567",
        "0.50",
        "1,234",
        "&ndash;",
        "True",
        "<b>",
    ]
