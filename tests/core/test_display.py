import pytest

from assay.core.display import escape_controls, escape_markdown

HOSTILE = {
    "clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "title": "\x1b]0;root\x1b\\",
    "clear": "\x1b[2J\x1b[H",
    "colour": "\x1b[31m",
    "C1 CSI": "\x9b31m",
    "C1 OSC": "\x9d52;c;eA==\x9c",
    "C1 DCS": "\x90q\x9c",
    "return": "good\rbad",
    "backspace": "no\x08\x08ok",
    "bell": "\x07",
    "null": "\x00",
    "shift out": "\x0e",
    "override": "\u202egnp.exe",
    "isolate": "\u2066x\u2069",
    "mark": "\u200f",
    "separator": "a\u2028b",
    "next line": "a\x85b",
    "tag": "\U000e0041",
    "surrogate": "\ud800",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_terminal_would_obey_is_written_out(text):
    shown = escape_controls(f"before {text} after")
    assert shown.isprintable()
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert "\\" in shown
    assert escape_controls(shown) == shown


@pytest.mark.parametrize(
    "text", ["", "plain", "two\nlines\tand a tab", "café 日本語 العربية 👩‍💻 x²", r"\frac{1}{2} \[x\]"]
)
def test_what_people_write_stays_as_it_is(text):
    assert escape_controls(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "`",
        "a`b`c",
        "![p](http://e.org/p.png)",
        "[l](javascript:x)",
        "<img src=x>",
        "# head",
        "- item",
        "| a | b |",
        "**b**",
        "a\n\n![p](x)",
        "&lt;",
        "![p][q]",
    ],
)
def test_markdown_begins_nothing_in_a_given_text(text):
    shown = escape_markdown(text)
    assert "\n" not in shown
    for place, letter in enumerate(shown):
        if letter in "`![]<>#*|&(":
            assert shown[place - 1] == "\\"
