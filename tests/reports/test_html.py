"""The page: every text is escaped, nothing is loaded, what is not there has no section."""

from html.parser import HTMLParser
from typing import Any

from assay.reports._markup import Markup, render_value, table
from assay.reports.html import render_page

HOSTILE = '</td><script>alert("x")</script><img src=x onerror=alert(1)>'
BINS = ("0", "1")
STAGE = {"stage": "score", "state": "done", "in": 4, "out": 3, "seconds": 1.5, "key": "k"}


def report_data(**changes: Any) -> dict[str, Any]:
    """The values of a plan with nothing done, with changes."""
    empty: dict[str, Any] = {
        **dict.fromkeys(("config", "lake", "written", "policy", "revision", "training"), ""),
        **{name: [] for name in ("stages", "difficulty", "dropped", "costs", "verifiers", "runs", "tables", "tiles")},
        "sampler": {},
        "versions": {},
        "clusters": {"rows": []},
        "curriculum": {"rows": [], "lessons": 0},
        "value": {},
        "grading": "strict",
        "disputed": {"problems": 0, "examples": []},
        "bins": BINS,
    }
    return {**empty, **changes}


class ParsedPage(HTMLParser):
    """Tags, and addresses that a browser would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.addresses, self.text, self.open = list[str](), list[str](), "", list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open += [tag] if tag not in ("meta",) else []
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "onerror")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def lesson(**changes: Any) -> dict[str, Any]:
    known = {
        "position": 0,
        "source": "s",
        "correct": 1,
        "wrong": 1,
        "truncated": 2,
        "mean": 0.25,
        "low": 0.1,
        "high": 0.6,
        "prompt": "p",
    }
    return {**known, **changes}


def test_hostile_texts_stay_texts_in_every_section() -> None:
    counts = dict.fromkeys(("scored", "kept", "correct", "wrong", "truncated", "error"), 1)
    cluster = {"cluster": 0, "size": 2, "kept": 1, "mean": 0.5, "keywords": [HOSTILE], "typical": HOSTILE}
    html = render_page(
        report_data(
            config=HOSTILE,
            lake=HOSTILE,
            policy=HOSTILE,
            sampler={"template": HOSTILE},
            stages=[{**STAGE, "state": HOSTILE}],
            difficulty=[{"source": HOSTILE, **counts, "mean": 0.5, "histogram": {"0": 1, "1": 2}}],
            dropped=[{"stage": "clean", "reason": "near", "rows": 1, "example": HOSTILE}],
            clusters={"rows": [cluster], "clusters": 1, "covered": 1, "share": 1.0},
            curriculum={"rows": [lesson(prompt=HOSTILE)], "lessons": 1},
            tiles=[(HOSTILE, 1)],
        ),
        {},
    )
    page = ParsedPage(html)
    assert page.open == []
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert page.addresses == []
    assert page.text.count(HOSTILE) == 13  # title, heading, the line below twice, a tile, and eight cells


def test_what_is_not_there_has_no_section() -> None:
    assert ParsedPage(render_page(report_data(), {})).tags.count("section") == 1, "the versions"
    assert ParsedPage(render_page(report_data(stages=[STAGE]), {"training": "<svg></svg>"})).tags.count("section") == 3


def test_cut_attempts_count_among_those_made_and_an_unscored_lesson_says_so() -> None:
    rows = [lesson(), lesson(mean=None, low=None, high=None)]
    page = ParsedPage(render_page(report_data(curriculum={"rows": rows, "lessons": 30}), {}))
    assert "1/4" in page.text
    assert "[0.10, 0.60]" in page.text
    assert "unscored" in page.text
    assert "The first 2 of 30 lessons." in page.text


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


def test_columns_of_numbers_are_right_aligned_and_no_rows_are_no_table() -> None:
    assert table(("a", "b"), [("x", 1)]).count("class=n") == 2
    assert table(("a",), []) == ""
