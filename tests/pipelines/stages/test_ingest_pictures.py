"""Pictures on their way: from a source into the lake once, through maintenance, to an engine and into exports."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from assay.core.errors import ConfigError, LakeError
from assay.core.pictures import Picture
from assay.pipelines.data import pictures as stored
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.stages import ingest
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact, forget
from assay.stores.maintenance.fsck import fsck
from assay.stores.maintenance.merging import merge_lakes

Made = Callable[..., Any]
Png = Callable[..., bytes]


def pictured(folder: Path, name: str, *images: bytes, first: int = 0) -> dict[str, Any]:
    """A source of sums with a picture each."""
    rows = [
        {
            "prompt": f"<image> What is {n} + 1?",
            "answer": str(n + 1),
            "image": base64.b64encode(image).decode(),
        }
        for n, image in enumerate(images, first)
    ]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"type": "files", "paths": str(folder / f"{name}.jsonl"), "name": name, "media": "keep"}


@pytest.fixture
def two_sources(tmp_path: Path, png: Png) -> list[dict[str, Any]]:
    """Two sources that share a picture; the first has it twice, and another one."""
    one, two = png(colour=b"abc"), png(colour=b"xyz")
    return [pictured(tmp_path, "a", one, one, two), pictured(tmp_path, "b", one, first=10)]


def held(lake: Lake) -> list[tuple[str, int]]:
    return [tuple(row.values()) for row in lake.rows("SELECT source, size FROM pictures ORDER BY source, sha256")]


def test_a_picture_is_kept_once_per_source_and_reads_as_it_was(
    context: Made, two_sources: list[dict[str, Any]], png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "CHUNK_BYTES", 1)  # each row is a commit of its own
    made = context(source=two_sources)
    run_stages(made, "ingest")
    size = len(png(colour=b"abc"))
    assert held(made.lake) == [("a", size), ("a", len(png(colour=b"xyz"))), ("b", size)]
    (media,) = made.lake.rows("SELECT media FROM problems WHERE messages[-1].content LIKE '%2 + 1?%'")
    (picture,) = stored.read_pictures(made.lake, "", media["media"])
    assert (picture.data, picture.width, picture.media_type) == (png(colour=b"xyz"), 3, "image/png")
    with pytest.raises(LakeError, match="its picture 0000"):
        stored.read_pictures(made.lake, "some", ["0" * 64])


def test_maintenance_knows_pictures(context: Made, two_sources: list[dict[str, Any]], tmp_path: Path, png: Png) -> None:
    made = context(source=two_sources)
    run_stages(made, "ingest")
    before = held(made.lake)
    compact(made.lake)
    assert held(made.lake) == before
    with Lake(tmp_path / "other") as other:
        merge_lakes(other, made.lake)
        assert held(other) == before
    forget(made.lake, "source", "a")
    assert held(made.lake) == before[-1:]


def test_lost_pictures_are_read_from_their_source_again(
    context: Made, two_sources: list[dict[str, Any]], tmp_path: Path
) -> None:
    made = context(source=two_sources)
    run_stages(made, "ingest")
    before = held(made.lake)
    for file in (tmp_path / "lake" / "tables" / "pictures").iterdir():
        file.unlink()
    findings = fsck(tmp_path / "lake", drop=True)
    assert any("pictures" in finding.path and "curate ingest" in finding.restore for finding in findings)
    again = context(source=two_sources)
    assert held(again.lake) == []
    run_stages(again, "ingest")
    assert held(again.lake) == before


def test_an_engine_that_reads_texts_only_is_not_asked(context: Made, two_sources: list[dict[str, Any]]) -> None:
    made = context(source=two_sources, split={"held_out": 0})
    with pytest.raises(ConfigError, match=r"4 problems show pictures.*engine 'scripted' reads texts only"):
        run_stages(made, "score")
    assert made.lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 0}]


def test_exports_carry_the_pictures_or_refuse(
    context: Made, two_sources: list[dict[str, Any]], tmp_path: Path, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.engines.scripted import Scripted
    from assay.pipelines.analysis.export import export

    monkeypatch.setattr(Scripted, "takes_pictures", True, raising=False)
    made = context(source=two_sources, split={"held_out": 0}, select={"selector": "uniform", "budget": 4})
    run_stages(made)
    for name, turn in (("verl", "<image> What is 10 + 1?"), ("trl", None)):
        export(made, name, tmp_path / name)
        rows = pq.read_table(tmp_path / name / "train.parquet").to_pylist()
        (row,) = (row for row in rows if "What is 10 + 1?" in str(row["prompt"]))
        assert [Picture.of(picture["bytes"]).data for picture in row["images"]] == [png(colour=b"abc")]
        parts = [{"type": "image", "text": None}, {"type": "text", "text": " What is 10 + 1?"}]
        assert row["prompt"][-1]["content"] == (turn or parts)
    with pytest.raises(ConfigError, match="4 problems show pictures, and the export 'slime' writes texts only"):
        export(made, "slime", tmp_path / "slime")
