"""Pictures of problems on the page and in the report: drawn from their bytes, and inert whatever these are."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from assay.core.pictures import Picture
from assay.core.types import Problem
from assay.pipelines.data.pictures import picture_table
from assay.pipelines.data.problem_batches import problem_table
from assay.stores.lake import Lake
from assay.stores.reader import LakeReader
from assay.viewer.problem import problem_page
from assay.viewer.telling import shown_pictures

Png = Callable[..., bytes]
HOSTILE = {
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.hit=1'><script>window.hit=2</script></svg>",
    "html": b"<!doctype html><script>parent.hit=3</script>",
    "both": b"GIF89a\x03\x00\x02\x00/*<script>window.hit=4</script>*/",
}
LOST = "f" * 64


@pytest.fixture
def pictured(tmp_path: Path, png: Png) -> tuple[Path, Problem]:
    """A lake with one problem that shows a picture, one that is gone, and hostile bytes that call themselves PNG."""
    good = Picture.of(png(640, 400))
    hostile = [Picture(sha256(data).hexdigest(), "image/png", 3, 2, data) for data in HOSTILE.values()]
    problem = Problem.of("What is in <image>?", source="seen", pictures=(good, *hostile))
    lost = Problem.of("And in this?", source="seen", media=(LOST,))
    with Lake(tmp_path / "lake") as lake:
        tables = {"problems": problem_table([problem, lost], "r"), "pictures": picture_table([problem], "r")}
        lake.append(tables, run="r")
    return tmp_path / "lake", problem


def test_a_picture_is_served_by_its_hash_under_the_type_that_its_bytes_tell(
    pictured: tuple[Path, Problem], serve: Callable[[Path], Any], png: Png
) -> None:
    place, problem = pictured
    client = serve(place)
    status, data, headers = client.ask(f"/api/picture?id={problem.media[0]}")
    assert (status, data, headers["content-type"]) == (200, png(640, 400), "image/png")
    assert (headers["x-content-type-options"], headers["content-security-policy"][:18]) == (
        "nosniff",
        "default-src 'none'",
    )
    kinds = [client.ask(f"/api/picture?id={name}")[2]["content-type"] for name in problem.media[1:]]
    assert kinds == ["application/json", "application/json", "image/gif"]
    assert client.ask(f"/api/picture?id={LOST}")[0] == 400
    assert client.ask(f"/api/picture?id={problem.media[0]}", X_Assay_Token="")[0] == 401
    told = client.get("problem", id=problem.id)
    assert [picture["id"] for picture in told["pictures"]] == list(problem.media)
    assert (told["pictures"][0]["width"], told["pictures"][0]["media_type"]) == (640, "image/png")


def test_a_report_holds_small_pictures_once_and_leaves_the_others_out(
    pictured: tuple[Path, Problem], png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, problem = pictured
    reader = LakeReader(place)
    pictures = problem_page(reader, latest(reader), problem.id)["pictures"][:1]
    assert list(shown_pictures(reader, pictures * 3)) == [problem.media[0]]
    monkeypatch.setattr("assay.viewer.telling.PICTURE", len(png(640, 400)) - 1)
    assert shown_pictures(reader, pictures) == {}
    reader.close()


def latest(reader: LakeReader) -> Any:
    from assay.viewer.keys import latest_keys

    return latest_keys(reader)


@pytest.mark.service
def test_pictures_are_drawn_and_hostile_bytes_are_not(
    pictured: tuple[Path, Problem], serve: Callable[[Path], Any], browser: Callable[[], Any]
) -> None:
    place, problem = pictured
    client = serve(place)
    page = browser()
    page.look(375, 812, "dark")
    page.open(client.viewer.url)
    page.open(f"{client.base}/#/problem/{problem.id}")
    page.until("document.querySelectorAll('.pictures img, .pictures .frame p').length === 4")
    page.until("document.querySelector('.pictures img').naturalWidth === 640")
    page.until("[...document.querySelectorAll('.pictures img')].every(one => one.complete)")
    assert page.see("document.querySelector('.pictures img').getBoundingClientRect().width") < 375
    assert "Picture 1: png, 640 × 400 pixels" in page.see("document.querySelector('.pictures').innerText")
    assert "is not a picture" in page.see("document.querySelector('.pictures').innerText")
    cut = "[...document.querySelectorAll('.pictures p')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert page.see(cut) == 0
    assert page.see("document.documentElement.scrollWidth > innerWidth") is False
    assert page.see(
        "window.hit === undefined && document.querySelectorAll('main script, main svg[onload]').length === 0"
    )
    page.call("Page.navigate", url=f"{client.base}/api/picture?id={problem.media[1]}")
    page.until("document.body?.innerText.includes('the token is missing')")
    assert page.see("window.hit === undefined")
    page.open(f"{client.base}/#/problem/{Problem.of('And in this?', media=(LOST,)).id}")
    page.until("document.querySelector('.pictures')?.innerText.includes('not in this lake')")
