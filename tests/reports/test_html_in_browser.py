"""The report in a real browser: hostile texts run nothing, load nothing and stay readable."""

import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.reports.html import render_page

pytestmark = pytest.mark.service
NAMES = ("chromium", "chromium-browser", "google-chrome")
ESC = "\x1b]0;owned\x07\x1b[2J\u202e"


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

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trap) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def rendered(page: Path, profile: Path) -> str:
    """The document as the browser holds it after its scripts have had two seconds."""
    found = next((place for name in NAMES if (place := shutil.which(name))), None)
    if found is None:
        if os.environ.get("ASSAY_NEEDS_BROWSER"):
            pytest.fail(f"none of {', '.join(NAMES)} is installed, and ASSAY_NEEDS_BROWSER asks for one")
        pytest.skip("no Chromium is installed: apt-get install chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=2000"]
    call = [found, *flags, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    return subprocess.run(call, capture_output=True, text=True, timeout=120, check=True).stdout


def hostile(address: str) -> str:
    """A text that would call home from every place of a page, from Markdown and from a terminal."""
    return (
        f'</title></td></svg><script>document.title="owned"</script><img src={address}/img onerror=document.title="owned">'
        f'<iframe src={address}/frame></iframe><style>@import "{address}/style";</style><svg onload=document.title="owned">'
        f'" onmouseover="x" style="background:url({address}/css)\'`![p]({address}/md.png) <link rel=stylesheet href={address}/link>'
        f"<base href={address}/> <meta http-equiv=refresh content=0;url={address}/meta>{ESC}"
    )


def report(text: str) -> str:
    """A page whose every text is this one."""
    counts = dict.fromkeys(("scored", "kept", "correct", "wrong", "truncated", "error"), 1)
    cluster = {"cluster": 0, "size": 2, "kept": 1, "mean": 0.5, "keywords": [text], "typical": text}
    numbers = {"position": 0, "correct": 1, "wrong": 1, "truncated": 2, "mean": 0.25, "low": 0.1, "high": 0.6}
    stage = {"stage": text, "state": text, "in": 4, "out": 3, "seconds": 1.5, "key": text}
    data = {
        **dict.fromkeys(("config", "lake", "written", "policy", "revision", "training"), text),
        **{name: [] for name in ("costs", "verifiers", "runs", "tables")},
        "sampler": {"template": text},
        "versions": {},
        "clusters": {"rows": [cluster], "clusters": 1, "covered": 1, "share": 1.0},
        "curriculum": {"rows": [{**numbers, "source": text, "prompt": text}], "lessons": 1},
        "grading": "strict",
        "disputed": {"problems": 0, "examples": []},
        "value": {},
        "bins": ("0", "1"),
        "stages": [stage],
        "difficulty": [{"source": text, **counts, "mean": 0.5, "histogram": {"0": 1, "1": 2}}],
        "dropped": [{"stage": "clean", "reason": text, "rows": 1, "example": text}],
        "tiles": [(text, 1)],
    }
    return render_page(data, {})


def test_a_browser_runs_and_loads_nothing_of_hostile_texts(tmp_path: Path, trap: tuple[str, list[str]]) -> None:
    address, asked = trap
    page = tmp_path / "page.html"
    page.write_text(report(hostile(address)), encoding="utf-8")
    document = rendered(page, tmp_path / "profile")
    assert asked == []
    assert "<title>owned</title>" not in document
    assert document.count("&lt;script&gt;") > 10
    assert not any(f"<{tag}" in document.partition("<body")[2] for tag in ("script", "img", "iframe", "link", "base"))


def test_the_same_texts_in_an_unescaped_page_would_call_home(tmp_path: Path, trap: tuple[str, list[str]]) -> None:
    address, asked = trap
    page = tmp_path / "page.html"
    page.write_text(f"<body><table><tr><td>{hostile(address)}</table>", encoding="utf-8")
    document = rendered(page, tmp_path / "profile")
    assert {"/img", "/frame"} <= set(asked)
    assert "<title>owned</title>" in document
