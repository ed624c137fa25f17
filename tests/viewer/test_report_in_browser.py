"""The report in a real browser: whole at both widths and in both modes, loads nothing, and hostile texts stay texts."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.pipelines.context.run import RunContext
from assay.viewer.bundle import build_page
from assay.viewer.report import snapshot, write_report

pytestmark = pytest.mark.service
ESC = "\x1b]0;owned\x07\x1b[2J\u202e"
AXE = """
axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(
  found.violations.filter(one => ['serious', 'critical'].includes(one.impact)).map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html)])
))
"""
BROKEN_WORDS = """
[...document.querySelectorAll('td, th, dt, dd, h1, h2')]
  .filter(cell => ['break-all', 'anywhere'].some(way => [getComputedStyle(cell).wordBreak, getComputedStyle(cell).overflowWrap].includes(way))).length
"""
NARROW_KEYS = "[...document.querySelectorAll('dt, td:first-child')].filter(key => key.getClientRects().length && key.clientWidth < 24).length"
# what a page names itself and decides by; every other text of the answers may be anybody's
OWN_WORDS = {
    "id",
    "problem_id",
    "parts",
    "kind",
    "state",
    "outcome",
    "stage",
    "name",
    "role",
    "selection_id",
    "training",
    "bins",
}


def hostile(address: str) -> str:
    """A text that would call home from every place of a page, from Markdown and from a terminal."""
    return (
        f'</title></td></svg><script>document.title="owned"</script><img src={address}/img onerror=document.title="owned">'
        f'<iframe src={address}/frame></iframe><style>@import "{address}/style";</style><svg onload=document.title="owned">'
        f'" onmouseover="x" style="background:url({address}/css)\'`![p]({address}/md.png) <link rel=stylesheet href={address}/link>'
        f"<base href={address}/> <meta http-equiv=refresh content=0;url={address}/meta>{ESC}"
    )


def replaced(value: Any, text: str) -> Any:
    """Answers whose every text but the page's own words is this one."""
    if isinstance(value, dict):
        return {name: item if name in OWN_WORDS else replaced(item, text) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [replaced(item, text) for item in value]
    return text if isinstance(value, str) else value


def opened(browser: Callable[[], Any], page: Path) -> Any:
    shown = browser()
    shown.look()
    shown.open(page.as_uri())
    shown.see("document.querySelectorAll('details').forEach(box => { box.open = true; }); true")
    shown.until("[...document.querySelectorAll('.telling')].every(box => box.querySelector('.attempts-all'))")
    return shown


def test_the_report_is_whole_at_both_widths_and_in_both_modes(
    browser: Callable[[], Any], curated: RunContext, tmp_path: Path
) -> None:
    axe = pytest.importorskip("axe_core_python", reason="the extra dev holds axe-core")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    place = write_report(curated, tmp_path / "page.html")
    page = opened(browser, place)
    assert page.see("document.querySelectorAll('.katex').length") > 0, "formulas are drawn"
    assert page.see("document.querySelectorAll('.attempt').length") >= 20
    for width, height in ((1280, 900), (375, 812)):
        for mode in ("light", "dark"):
            page.look(width, height, mode)
            assert not page.see("document.documentElement.scrollWidth > innerWidth"), (width, mode)
            assert page.see(BROKEN_WORDS) == 0
            assert page.see(NARROW_KEYS) == 0, f"keys that cannot be read at {width} px"
            # the page's policy keeps scripts of others out, and so axe as well: the protocol may still evaluate it
            page.see(script + "; true")
            assert json.loads(page.see(AXE)) == [], f"{width} px, {mode}"
    assert page.complaints == []
    assert {sent for sent in page.asked if not sent.startswith(("data:", "about:"))} == {place.as_uri()}


def test_a_browser_runs_and_loads_nothing_of_hostile_texts(
    browser: Callable[[], Any], curated: RunContext, tmp_path: Path, trap: tuple[str, list[str]]
) -> None:
    address, asked = trap
    place = tmp_path / "page.html"
    text = hostile(address)
    place.write_text(build_page(text, replaced(snapshot(curated), text)), encoding="utf-8")
    page = opened(browser, place)
    assert asked == []
    assert page.see("document.title").startswith("</title></td></svg><script>")
    assert page.see("document.body.innerText.split('<script>').length") > 40
    assert page.see("document.querySelectorAll('main script, main img, iframe, link, base').length") == 0
    assert page.complaints == []


def test_without_scripts_the_page_says_what_it_needs_and_shows_no_empty_frame(
    browser: Callable[[], Any], tmp_path: Path
) -> None:
    place = tmp_path / "page.html"
    place.write_text(build_page("sums", {}), encoding="utf-8")
    page = browser()
    page.ready = "document.readyState === 'complete'"
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(place.as_uri())
    assert page.text.strip().startswith("This page draws its charts and tables with the script that it holds")
    assert page.see("getComputedStyle(document.querySelector('.bar')).display") == "none"


def test_the_same_texts_in_an_unescaped_page_would_call_home(
    browser: Callable[[], Any], tmp_path: Path, trap: tuple[str, list[str]]
) -> None:
    address, asked = trap
    place = tmp_path / "page.html"
    place.write_text(f"<body><table><tr><td>{hostile(address)}</table>", encoding="utf-8")
    page = browser()
    page.call("Page.navigate", url=place.as_uri())
    page.until("document.title === 'owned'")
    end = time.monotonic() + 60
    while not {"/img", "/frame"} <= set(asked) and time.monotonic() < end:
        page.see("1")
        time.sleep(0.05)
    assert {"/img", "/frame"} <= set(asked)
