"""The viewer at a million problems, in a headless Chromium: opening, scrolling and filtering the table.

Bars: from the address to rows on the screen in under 2 s; no frame of more than 200 ms while the table is scrolled for 3 s, by small
steps and by jumps over the whole; a condition in SQL over all rows answered, facets included, in under 2 s. The pool is in memory by
then, and how long reading it takes is told beside. `--folder DIR` keeps the lake; writing it takes a minute. Needs Chromium and
websockets (extra `flows`).
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from assay.viewer.server import Viewer
from benchmarks._viewer_lake import write_lake
from benchmarks.claims import Claim, publish

FULL, QUICK = 1_000_000, 20_000
OPEN_S, FRAME_MS, FILTER_S = 2.0, 200.0, 2.0
ROWS = "document.querySelectorAll('.viewport .grid-row:not(.waiting)').length > 5"
SCROLL = """
new Promise(done => {
  const view = document.querySelector('.viewport'), begun = performance.now(), frames = [];
  let before = begun, step = 0;
  const frame = now => {
    frames.push(now - before); before = now; step += 1;
    if (step % 20 === 0) view.scrollTop = Math.random() * view.scrollHeight; else view.scrollTop += 37;
    if (now - begun < 3000) requestAnimationFrame(frame); else done({longest: Math.max(...frames.slice(1)), frames: frames.length});
  };
  requestAnimationFrame(frame);
})
"""
WAITED = (
    f"new Promise(done => {{ const look = () => {ROWS} ? done(performance.now()) : setTimeout(look, 10); look(); }})"
)
FILTER = """
new Promise(done => {
  const total = document.querySelector(".totals strong"), begun = performance.now();
  document.querySelector('#where').value = "rate < 0.5 AND question ILIKE '%%marbles%%' AND %d = %d";
  document.querySelector('form.filter').requestSubmit();
  const answered = now => now && now !== total && now.innerText;
  const look = () => answered(document.querySelector('.totals strong')) ? done(performance.now() - begun) : setTimeout(look, 10);
  look();
})
"""


class Quiet:
    """A reporter that says nothing."""

    def say(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


class Browser:
    """One page of a headless Chromium."""

    def __init__(self, profile: Path) -> None:
        from websockets.sync.client import connect

        found = shutil.which("chromium") or shutil.which("google-chrome")
        if found is None:
            raise SystemExit("no Chromium is installed")
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--window-size=1280,900")
        self.process = subprocess.Popen(
            [found, *flags, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        told = profile / "DevToolsActivePort"
        while not told.exists() or not told.read_text():
            time.sleep(0.05)
        with urllib.request.urlopen(f"http://127.0.0.1:{told.read_text().splitlines()[0]}/json") as answer:
            address = next(tab["webSocketDebuggerUrl"] for tab in json.load(answer) if tab["type"] == "page")
        self.socket, self.calls = connect(address, max_size=None, proxy=None, ping_interval=None), 0

    def call(self, method: str, **params: Any) -> Any:
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": params}))
        while (told := json.loads(self.socket.recv(timeout=120))).get("id") != self.calls:
            pass
        return told["result"]

    def see(self, script: str) -> Any:
        return self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)["result"].get(
            "value"
        )

    def open(self, url: str) -> float:
        """Seconds from asking for an address to rows on the screen, by the page's own clock, which starts at the request."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(KeyError):
                if isinstance(found := self.see(f"location.href === 'about:blank' ? '' : {WAITED}"), float | int):
                    return float(found) / 1000
        raise SystemExit("no rows within a minute")

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(20)


def measure(folder: Path, problems: int) -> list[Claim]:
    """Opens, scrolls and filters the table of a lake of so many problems."""
    lake = folder / f"lake-{problems}"
    if not lake.exists():
        write_lake(lake, problems, attempted=2_000)
    begun = time.monotonic()
    viewer = Viewer(lake, Quiet()).start()  # type: ignore[arg-type]
    viewer.state.ready.wait(600)
    read_s = time.monotonic() - begun
    browser = Browser(Path(tempfile.mkdtemp(prefix="viewer-chromium-")))
    try:
        browser.call("Page.navigate", url=viewer.url)  # which keeps the token
        time.sleep(1)
        table = f"http://127.0.0.1:{viewer.port}/#/problems"
        opened = [browser.open(table) for _ in range(3)]
        scrolled = [browser.see(SCROLL) for _ in range(2)]
        filtered = [browser.see(FILTER % (n, n)) / 1000 for n in range(2)]
        print(
            f"reading {problems:,} problems into memory: {read_s:.1f} s; frames in 3 s: {[round(run['frames']) for run in scrolled]}"
        )
    finally:
        browser.close()
        viewer.close()
    frame = min(run["longest"] for run in scrolled)
    size = {"n": problems, "full_n": FULL}
    rows = (
        (f"opening a table of {problems:,} problems, seconds to rows on the screen", min(opened), OPEN_S, "s"),
        ("its longest frame while it is scrolled by steps and by jumps", frame, FRAME_MS, "ms"),
        ("a condition in SQL over all of its rows, facets included", min(filtered), FILTER_S, "s"),
    )
    return [Claim(claim, ours, bar, ours / bar, "<= 1", ours <= bar, unit, **size) for claim, ours, bar, unit in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with nullcontext(str(given.folder)) if given.folder else tempfile.TemporaryDirectory() as folder:
        publish("viewer", measure(Path(folder), QUICK if given.quick else FULL))


if __name__ == "__main__":
    main()
