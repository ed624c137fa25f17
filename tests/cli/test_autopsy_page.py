"""The page of an autopsy in a real browser: it fits a phone and a desk, in light and dark, and says nothing on the console."""

import base64
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.cli.apps import curate_app

pytestmark = pytest.mark.service
NAMES = ("chromium", "chromium-browser", "google-chrome")
RECORDED = Path(__file__).parent.parent / "pipelines" / "analysis" / "autopsy" / "recorded_training.parquet"
OVERFLOW = """(() => [...document.querySelectorAll('body *')].filter(element => !element.closest('svg, .chart, .scroll')
  && element.getBoundingClientRect().right > innerWidth + 0.5).map(element => element.outerHTML.slice(0, 80)))()"""
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


class Browser:
    """A page of a headless Chromium over its DevTools protocol, with the events that it sent."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.calls, self.events = socket, 0, list[dict[str, Any]]()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": params}))
        while (told := json.loads(self.socket.recv(timeout=60))).get("id") != self.calls:
            self.events.append(told)
        return dict(told["result"])

    def see(self, script: str) -> Any:
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")


def until(condition: Any, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = next((place for name in NAMES if (place := shutil.which(name))), None)
    if found is None:
        if os.environ.get("ASSAY_NEEDS_BROWSER"):
            pytest.fail(f"none of {', '.join(NAMES)} is installed, and ASSAY_NEEDS_BROWSER asks for one")
        pytest.skip("no Chromium is installed: apt-get install chromium")
    from websockets.sync.client import connect

    profile = tmp_path_factory.mktemp("chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [found, *flags, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port = until(lambda: (profile / "DevToolsActivePort").read_text().split("\n")[0])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
            address = next(each["webSocketDebuggerUrl"] for each in json.load(answer) if each["type"] == "page")
        with connect(address, max_size=None, proxy=None) as socket:
            yield Browser(socket)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_page_fits_phone_and_desk_in_light_and_dark(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(curate_app, ["autopsy", str(RECORDED), "--verifier", "numeric"])
    assert done.exit_code == 0, done.output
    for domain in ("Log", "Runtime", "Network", "Page"):
        browser.call(f"{domain}.enable")
    for width in (375, 1280):
        for scheme in ("light", "dark"):
            browser.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
            )
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            browser.call("Page.navigate", url=(tmp_path / "autopsy.html").as_uri())
            until(lambda: "taught nothing" in str(browser.see("document.body.innerText")))
            assert browser.see("document.documentElement.scrollWidth") <= width
            assert browser.see(OVERFLOW) == []
            assert browser.see(CONTRAST) >= 4.5, (width, scheme)
            shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
            (tmp_path / f"{width}-{scheme}.png").write_bytes(base64.b64decode(shot))
    asked = [
        event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"
    ]
    assert {url.rpartition("/")[2] for url in asked} == {"autopsy.html"}
    said = [event for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
    assert said == []
