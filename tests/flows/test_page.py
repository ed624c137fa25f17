"""What a person sees: Prefect's pages of a finished run, in a real browser."""

import http.server
import json
import os
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.config import FlowConfig
from assay.flows import artifacts

pytestmark = pytest.mark.service
NAMES = ("chromium", "chromium-browser", "google-chrome")


class Page:
    """One page of a headless Chromium, driven over its DevTools protocol."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.calls = socket, 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One call and its answer; events that come between are passed over."""
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": params}))
        while (told := json.loads(self.socket.recv(timeout=60))).get("id") != self.calls:
            pass
        return dict(told["result"])

    def see(self, script: str) -> Any:
        """The value of an expression on the page."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    @property
    def text(self) -> str:
        return str(self.see("document.body.innerText"))


CLICK = "(() => {{ const it = [...document.querySelectorAll('li')].find(one => one.innerText.trim() === {!r}); it?.click(); return !!it }})()"
IMAGES = "[...document.images].filter(each => each.src.startsWith('data:image/') && each.complete).map(each => each.naturalWidth)"
LINKS = "[...document.links].map(each => each.href)"


@pytest.fixture(scope="module")
def page(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    found = next((place for name in NAMES if (place := shutil.which(name))), None)
    if found is None:
        if os.environ.get("ASSAY_NEEDS_BROWSER"):
            pytest.fail(f"none of {', '.join(NAMES)} is installed, and ASSAY_NEEDS_BROWSER asks for one")
        pytest.skip("no Chromium is installed: apt-get install chromium")
    from websockets.sync.client import connect

    profile = tmp_path_factory.mktemp("chromium")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--remote-debugging-port=0",
        "--window-size=1400,1400",
    ]
    call = [found, *flags, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        server.until((profile / "DevToolsActivePort").exists, 60)
        port = server.until(lambda: (profile / "DevToolsActivePort").read_text().split("\n")[0], 10)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
            address = next(each["webSocketDebuggerUrl"] for each in json.load(answer) if each["type"] == "page")
        with connect(address, max_size=None, proxy=None) as socket:
            yield Page(socket)
    finally:
        server.end(process)


def test_the_page_of_a_finished_run_leads_to_its_artifacts(server: Any, finished: Any, page: Page) -> None:
    page.call("Page.navigate", url=f"{server.url}/runs/flow-run/{finished.run['id']}")
    server.until(lambda: "Completed" in page.text, 60)
    server.until(lambda: page.see(CLICK.format("Artifacts")), 60)
    for said in (
        "Who left nightly, stage by stage, and why",
        "Problems of nightly by the share of attempts",
        "Report of nightly",
    ):
        server.until(lambda said=said: said in page.text, 60)


def test_the_pages_of_its_artifacts_show_reasons_a_picture_and_a_link(server: Any, finished: Any, page: Page) -> None:
    made = server.artifacts(finished.run["id"])
    show = {
        name: f"{server.url}/artifacts/artifact/{made[f'nightly-{name}']['id']}"
        for name in ("kept-and-dropped", "difficulty", "report")
    }
    page.call("Page.navigate", url=show["kept-and-dropped"])
    server.until(lambda: "duplicate" in page.text and "kept" in page.text, 60)
    page.call("Page.navigate", url=show["difficulty"])
    assert server.until(lambda: page.see(IMAGES), 60)[0] > 100
    assert "data:image" not in page.text, "the picture's address, as long as the picture, runs out of the page"
    page.call("Page.navigate", url=show["report"])
    server.until(lambda: (finished.lake / "reports" / "nightly.html").as_uri() in page.see(LINKS), 60)


@pytest.fixture
def trap() -> Iterator[tuple[str, list[str]]]:
    """A server's address, and the paths that were asked of it."""
    asked: list[str] = []

    class Trap(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trap) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()


def test_no_hostile_name_or_text_is_rendered_by_prefects_pages(
    server: Any, page: Page, trap: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from prefect.artifacts import create_markdown_artifact
    from prefect.settings import PREFECT_API_URL, temporary_settings

    address, asked = trap
    hostile = f'evil `x` ![p]({address}/picture) <img src={address}/image onerror=document.title="owned"> \x1b[2J'
    config = SimpleNamespace(name=hostile, flow=FlowConfig(reports_url=""))
    told = {
        "stages": [{"stage": "clean", "out": 1}],
        "dropped": [{"stage": "clean", "reason": hostile, "rows": 1, "example": hostile}],
        "histogram": [1],
        "policy": hostile,
    }
    monkeypatch.setattr(artifacts, "write", lambda *_, **__: tmp_path / "page.html")
    monkeypatch.setattr(artifacts, "collected", lambda *_, **__: told)
    monkeypatch.setattr(artifacts, "difficulty_chart", lambda _summary: "<svg xmlns='http://www.w3.org/2000/svg'/>")
    with temporary_settings({PREFECT_API_URL: f"{server.url}/api"}):
        artifacts.make_artifacts(SimpleNamespace(config=config, reporter=SimpleNamespace(warn=pytest.fail)))  # type: ignore[arg-type]
        create_markdown_artifact(f"begun ![p]({address}/control)", key="control")
    keys = {artifacts.artifact_key(hostile, name) for name in ("kept-and-dropped", "difficulty", "report")}
    made = {
        each["key"]: each["id"]
        for each in server.ask("artifacts/filter", limit=200)
        if each["key"] in {*keys, "control"}
    }
    assert made.keys() == {*keys, "control"}
    for key in sorted(keys):
        page.call("Page.navigate", url=f"{server.url}/artifacts/artifact/{made[key]}")
        server.until(lambda: "evil" in page.text, 60)
        page.call("Page.navigate", url=f"{server.url}/artifacts/key/{key}")
        server.until(lambda: "evil" in page.text, 60)
        assert page.see("document.title") != "owned"
    assert asked == []
    page.call("Page.navigate", url=f"{server.url}/artifacts/artifact/{made['control']}")
    server.until(lambda: "/control" in asked, 60)  # what is not escaped is loaded by the same pages
