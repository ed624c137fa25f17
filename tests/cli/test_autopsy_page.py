"""The page of an autopsy in a real browser: it fits a phone and a desk, in light and dark, and says nothing on the console."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.cli.apps import curate_app

pytestmark = pytest.mark.service
RECORDED = Path(__file__).parent.parent / "pipelines" / "analysis" / "autopsy" / "recorded_training.parquet"
OVERFLOW = """(() => [...document.querySelectorAll('body *')].filter(element => !element.closest('svg, .chart, .scroll')
  && element.getBoundingClientRect().right > innerWidth + 0.5).map(element => element.outerHTML.slice(0, 80)))()"""
# what a chart says that is outside of the screen, or too small to be read
LOST = """(() => [...document.querySelectorAll('.chart text')].map(text => [text.textContent, text.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.left < 0 || box.right > innerWidth || box.height < 9)).map(([text]) => text))()"""
# the smallest contrast of a text against the nearest painted ground behind it, by WCAG 2
CONTRAST = """(() => {
  const parse = text => text.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = element => { for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor); if (colour.length < 4 || colour[3] > 0) return colour; } };
  const texts = [...document.querySelectorAll('main *')].filter(
    e => !e.closest('svg') && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
  return Math.min(...texts.map(e => { const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); })); })()"""


def test_the_page_fits_phone_and_desk_in_light_and_dark(
    browser: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(curate_app, ["autopsy", str(RECORDED), "--verifier", "numeric"])
    assert done.exit_code == 0, done.output
    page = browser()
    for width in (375, 1280):
        for scheme in ("light", "dark"):
            page.look(width, 900, scheme)
            page.open((tmp_path / "autopsy.html").as_uri())
            assert "taught nothing" in page.text
            assert page.see("document.documentElement.scrollWidth") <= width
            assert page.see(OVERFLOW) == []
            assert page.see(LOST) == [], (width, scheme)
            assert page.see(CONTRAST) >= 4.5, (width, scheme)
            (tmp_path / f"{width}-{scheme}.png").write_bytes(page.picture())
    assert {url.rpartition("/")[2] for url in page.asked} - {"about:blank"} == {"autopsy.html"}
    assert page.complaints == []
    assert "Log.entryAdded" not in {event["method"] for event in page.events}
