"""Pictures of rows: in every form that data sets use, within limits, and nothing else of this machine."""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core.pictures import Picture
from assay.core.types import Drop, Problem
from assay.sources.files import Files
from assay.sources.hub import Hub

Png = Callable[..., bytes]


def read(folder: Path, *rows: dict[str, Any], **settings: Any) -> list[Problem | Drop]:
    (folder / "rows.jsonl").write_text("".join(json.dumps({"answer": "2", **row}) + "\n" for row in rows))
    source = Files(paths=str(folder / "rows.jsonl"), **{"media": "keep", **settings})
    return [row if isinstance(row, Drop) else row[0] for row in source.read()]


def test_every_form_gives_the_same_picture(tmp_path: Path, png: Png) -> None:
    data = png()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(data)
    text = base64.b64encode(data).decode()
    uri = f"data:image/png;base64,{text}"
    parts = [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": " What?"}]
    forms = [
        {"images": ["pictures/a.png"]},
        {"image": uri},
        {"image": text},
        {"image_path": str(tmp_path / "pictures" / "a.png")},
        {"image_1": {"bytes": None, "path": "pictures/a.png"}, "image_2": None},
    ]
    problems = read(tmp_path, *({"prompt": "<image> What?", **form} for form in forms))
    problems += read(tmp_path, {"prompt": [{"role": "user", "content": parts}]})
    asked = Problem.of("<image> What?", pictures=(Picture.of(data),))
    assert {problem.id for problem in problems} == {asked.id}
    assert {problem.pictures for problem in problems} == {(Picture.of(data),)}


def test_bytes_of_a_parquet_file_and_of_a_data_set_s_image_column_are_kept_as_they_are(
    tmp_path: Path, png: Png
) -> None:
    import datasets

    data = png()
    rows = {"prompt": ["What?"], "answer": ["2"], "images": [[{"bytes": data, "path": "a.png"}]]}
    (tmp_path / "plain").mkdir()
    pq.write_table(pa.table(rows), tmp_path / "plain" / "rows.parquet")
    features = datasets.Features(
        {"prompt": datasets.Value("string"), "answer": datasets.Value("string"), "images": [datasets.Image()]}
    )
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "saved"))
    for source in (
        Files(paths=str(tmp_path / "plain" / "*.parquet"), media="keep"),
        Hub(path=str(tmp_path / "saved"), media="keep"),
    ):
        ((problem, _),) = source.read()
        assert [picture.data for picture in problem.pictures] == [data]


def test_what_cannot_be_kept_is_a_drop_that_says_why(tmp_path: Path, png: Png) -> None:
    inner = tmp_path / "data"
    inner.mkdir()
    (tmp_path / "secret.png").write_bytes(png())
    (inner / "text.png").write_text("no picture")
    os.mkfifo(inner / "pipe.png")
    (inner / "link.png").symlink_to(tmp_path / "secret.png")
    nested: Any = "a.png"
    for _ in range(300):
        nested = [nested]
    values = {
        "../secret.png": "picture_missing",
        str(tmp_path / "secret.png"): "picture_missing",
        "link.png": "picture_missing",
        "pipe.png": "picture_missing",
        "a\0b": "picture_missing",
        "text.png": "picture_unreadable",
        "data:image/png;base64,????": "picture_unreadable",
        "data:image/svg+xml;base64," + base64.b64encode(b"<svg onload='x()'/>").decode(): "picture_unreadable",
        "https://example.com/a.png": "picture_elsewhere",
        "data:image/png;base64," + "A" * 20_000: "picture_too_large",
    }
    rows = [{"prompt": "What?", "image": value} for value in values]
    rows += [
        {"prompt": "What?", "image": nested},
        {"prompt": "What?", "image": 7},
        {"prompt": "What?", "video": "a.mp4"},
    ]
    rows += [{"prompt": "<image> and <image>?", "image": base64.b64encode(png()).decode()}]
    drops = read(inner, *rows, max_picture_bytes=10_000)
    others = ["picture_missing", "picture_unreadable", "needs_image", "needs_image"]
    assert [getattr(row, "reason", row) for row in drops] == [*values.values(), *others]


def test_pictures_end_at_the_limit_of_all_together_and_one_that_is_there_costs_nothing(
    tmp_path: Path, png: Png
) -> None:
    first, other = (base64.b64encode(png(colour=colour)).decode() for colour in (b"abc", b"xyz"))
    rows = [{"prompt": f"What is {n}?", "image": image} for n, image in enumerate((first, first, other, first))]
    size = len(png())
    kept = read(tmp_path, *rows, max_picture_bytes=size, max_pictures_bytes=size + 10)
    assert [getattr(row, "reason", "") for row in kept] == ["", "", "pictures_over_limit", ""]


def test_named_fields_are_the_only_ones_and_a_folder_may_lie_elsewhere(tmp_path: Path, png: Png) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.png").write_bytes(png())
    row = {"prompt": "What?", "image": "not here.png", "drawing": "a.png"}
    (kept,) = read(tmp_path, row, picture_fields=("drawing",), picture_folder=str(tmp_path / "elsewhere"))
    assert isinstance(kept, Problem)
    assert kept.pictures == (Picture.of(png()),)


@pytest.mark.parametrize(
    "settings",
    [{"picture_fields": ("image",), "media": "drop"}, {"max_picture_bytes": 10, "max_pictures_bytes": 9}],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"picture_fields names pictures|max_picture_bytes 10"):
        Files(paths="a.jsonl", **settings)
