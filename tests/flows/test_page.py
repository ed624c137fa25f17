"""What a person sees: Prefect's pages of a finished run, in a real browser."""

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

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
