"""What a person sees: Prefect's pages of a finished run, in a real browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.config import FlowConfig
from assay.flows import artifacts

pytestmark = pytest.mark.service
CLICK = "(() => {{ const it = [...document.querySelectorAll('li')].find(one => one.innerText.trim() === {!r}); it?.click(); return !!it }})()"
IMAGES = "[...document.images].filter(each => each.src.startsWith('data:image/') && each.complete).map(each => each.naturalWidth)"
LINKS = "[...document.links].map(each => each.href)"


@pytest.fixture(scope="module")
def page(browser: Callable[[], Any]) -> Iterator[Any]:
    opened = browser()
    opened.look(1400, 1400)
    yield opened
    opened.call("Page.navigate", url="about:blank")  # a spinner of a page that is left open takes half a core


def test_the_page_of_a_finished_run_leads_to_its_artifacts(server: Any, finished: Any, page: Any) -> None:
    page.call("Page.navigate", url=f"{server.url}/runs/flow-run/{finished.run['id']}")
    server.until(lambda: "Completed" in page.text, 60)
    server.until(lambda: page.see(CLICK.format("Artifacts")), 60)
    for said in (
        "Which problems left nightly, stage by stage, and why",
        "Problems of nightly by the share of attempts",
        "Report of nightly",
    ):
        server.until(lambda said=said: said in page.text, 60)


def test_the_pages_of_its_artifacts_show_reasons_a_picture_and_a_link(server: Any, finished: Any, page: Any) -> None:
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


def test_no_hostile_name_or_text_is_rendered_by_prefects_pages(
    server: Any, page: Any, trap: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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
    monkeypatch.setattr(artifacts, "write_report", lambda *_, **__: tmp_path / "page.html")
    monkeypatch.setattr(artifacts, "collect_values", lambda *_, **__: told)
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
