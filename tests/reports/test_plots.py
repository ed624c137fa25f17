"""Charts are well-formed SVG whose heights are those of the numbers."""

import base64
import re
import xml.etree.ElementTree as ET

import pytest

from assay.reports.plots import BOTTOM, HEIGHT, TOP, draw_bars, draw_difficulty, draw_lines, encode_data_uri

SVG = "{http://www.w3.org/2000/svg}"


def rects(svg: str) -> list[tuple[float, str]]:
    """Height and tooltip of every bar, in the order of drawing."""
    pairs = [(rect, rect.find(f"{SVG}title")) for rect in ET.fromstring(svg).iter(f"{SVG}rect")]
    return [(float(rect.attrib["height"]), title.text or "") for rect, title in pairs if title is not None]


def test_a_bar_of_half_the_top_is_half_as_high_and_shows_its_number() -> None:
    whole, half = rects(draw_bars("t", ["a", "b"], {"n": [10, 5]}, x="x", y="y"))
    assert whole == (HEIGHT - TOP - BOTTOM, "a: 10 n")
    assert half == (pytest.approx(whole[0] / 2, abs=0.1), "b: 5 n")


def test_stacks_stand_on_each_other_and_an_empty_one_is_not_drawn() -> None:
    svg = draw_bars("t", ["a", "b"], {"low": [4, 0], "high": [4, 8]}, x="x", y="y")
    assert [tooltip for _, tooltip in rects(svg)] == ["a: 4 low", "a: 4 high", "b: 8 high"]
    first, second = re.findall(r'<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', svg)[:2]
    assert float(second[0]) + float(second[1]) == pytest.approx(float(first[0]), abs=0.11)


def test_the_difficulty_histogram_shows_selected_and_others() -> None:
    tooltips = [tooltip for _, tooltip in rects(draw_difficulty(["0", "1"], [5, 3], [2, 3], "p"))]
    assert tooltips == ["0: 2 selected", "0: 3 others", "1: 3 selected"]


def test_numbers_that_are_none_leave_the_line_and_a_single_point_is_drawn() -> None:
    svg = draw_lines("t", {"reward": [(0, 0.5), (1, float("nan")), (2, 1.0)]}, x="step", y="y")
    assert len(list(ET.fromstring(svg).iter(f"{SVG}circle"))) == 2
    assert "nan" not in svg
    assert len(list(ET.fromstring(draw_lines("t", {"a": [(3, 0.0)]}, x="x", y="y")).iter(f"{SVG}circle"))) == 1


@pytest.mark.parametrize(
    "svg",
    [
        draw_bars("t", [], {"n": []}, x="", y=""),
        draw_lines("t", {}, x="", y=""),
        draw_bars("t", ["a"], {"n": [0]}, x="", y=""),
    ],
)
def test_nothing_to_draw_is_a_chart_without_marks(svg: str) -> None:
    assert rects(svg) == []


@pytest.mark.parametrize("count", [13, 41, 114, 207, 2001])
def test_the_highest_bar_fills_two_thirds_of_the_chart(count: int) -> None:
    ((height, _),) = rects(draw_bars("t", ["a"], {"n": [count]}, x="", y=""))
    assert height > (HEIGHT - TOP - BOTTOM) * 0.62


def test_no_line_has_the_pale_colour_and_the_legend_shows_the_lines_own() -> None:
    elements = list(ET.fromstring(draw_lines("t", {"reward": [(0, 1)], "held-out": [(0, 1)]}, x="", y="")).iter())
    strokes = [
        element.attrib["style"].split("stroke:")[1].split(";")[0]
        for element in elements
        if element.tag == f"{SVG}polyline"
    ]
    legend = [element.attrib["style"].removeprefix("fill:") for element in elements if element.attrib.get("rx") == "2"]
    assert strokes == list(reversed(legend))
    assert not [colour for colour in strokes if "--second" in colour]


def test_hostile_names_are_text() -> None:
    svg = draw_bars('<script>"', ["</svg><b>"], {"&": [1]}, x="<", y=">")
    assert {element.tag.removeprefix(SVG) for element in ET.fromstring(svg).iter()} <= {
        "svg",
        "rect",
        "text",
        "line",
        "title",
    }


def test_a_stack_that_is_too_short_says_both_numbers() -> None:
    with pytest.raises(ValueError, match="1 numbers of 'n' for 2 labels"):
        draw_bars("t", ["a", "b"], {"n": [1]}, x="", y="")


def test_a_data_uri_holds_the_chart() -> None:
    kind, _, coded = encode_data_uri("<svg/>").partition(",")
    assert (kind, base64.b64decode(coded)) == ("data:image/svg+xml;base64", b"<svg/>")
