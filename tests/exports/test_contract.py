"""Every export is read back by datasets, in the curriculum's order, with and without the filtered rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.core.parts import list_parts
from assay.pipelines.analysis.export import export
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run: 8 of 20 sums selected."""
    folder = tmp_path_factory.mktemp("export")
    rows = [{"prompt": f"What is {n} + 1?", "answer": str(n + 1), "license": "CC0"} for n in range(20)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = parse_config(
        {
            "name": "sums",
            "lake": str(folder / "lake"),
            "source": [{"type": "files", "paths": str(folder / "sums.jsonl"), "metadata_fields": ["license"]}],
            "policy": {
                "truncated": "wrong",
                "model": "scripted",
                "engine": "scripted",
                "rule": "sum",
                "max_tokens": 16,
                "template": "{prompt} Think.",
            },
            "score": {"n": 2},
            "embed": {"encoder": "tfidf", "clusters": 2},
            "select": {"selector": "uniform", "budget": 8},
        }
    )
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        run_stages(context)
        yield context


def order(context: RunContext) -> list[str]:
    return [
        row["problem_id"] for row in context.lake.rows("SELECT problem_id FROM curriculum ORDER BY lesson, position")
    ]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    """The problem of each row: a column, or a field of what the trainer passes along."""
    places = [[row, *(value for value in row.values() if isinstance(value, dict))] for row in rows]
    return [next(place["assay_id"] for place in each if place.get("assay_id")) for each in places]


def load(folder: Path, name: str) -> list[dict[str, Any]]:
    from datasets import load_dataset

    (file,) = folder.rglob(f"{name}.*")
    kind = "json" if file.suffix == ".jsonl" else "parquet"
    return list(load_dataset(kind, data_files=str(file), split="train", cache_dir=str(folder / "cache")))


@pytest.mark.parametrize("to", list_parts("export"))
def test_datasets_reads_it_back_in_the_curriculum_s_order(finished: RunContext, tmp_path: Path, to: str) -> None:
    result = export(finished, to, tmp_path / "out", filtered=True)
    assert (result["rows"], result["filtered"]) == (8, 12)
    assert ids(load(tmp_path / "out", "train")) == order(finished)
    filtered = load(tmp_path / "out", "filtered")
    assert len(filtered) == 12
    assert not set(ids(filtered)) & set(order(finished))
    assert "train." in result["snippet"] or to == "hub"


@pytest.mark.parametrize("to", list_parts("export"))
def test_without_the_filtered_rows_there_is_no_file_of_them(finished: RunContext, tmp_path: Path, to: str) -> None:
    export(finished, to, tmp_path / "out")
    assert list((tmp_path / "out").rglob("filtered.*")) == []
    assert ids(load(tmp_path / "out", "train")) == order(finished)


def test_a_folder_with_other_files_is_refused(finished: RunContext, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        export(finished, "jsonl", tmp_path)


def test_the_card_counts_names_and_licenses(finished: RunContext, tmp_path: Path) -> None:
    from datasets import load_dataset

    export(finished, "hub", tmp_path / "out", filtered=True)
    card = (tmp_path / "out" / "README.md").read_text()
    for piece in (
        "8 problems in 8 places",
        "| sums | 8 | CC0 |",
        "math@",
        "## Share solved",
        "| select | not_chosen | 12 |",
    ):
        assert piece in card, piece
    read = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in read.items()} == {"train": 8, "filtered": 12}
    export(finished, "hub", tmp_path / "kept")
    alone = load_dataset(str(tmp_path / "kept"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in alone.items()} == {"train": 8}


def test_an_export_says_in_which_form_its_files_are(
    finished: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["from assay.exports.jsonl import Jsonl", "class Ours(Jsonl):", "    suffix = 'csv'"]
    lines += ["    def rows(self, rows): return [{'answer': row.answer, 'rate': row.mean} for row in rows]"]
    (tmp_path / "our_csv.py").write_text("\n".join(lines))
    (tmp_path / "our_xml.py").write_text("\n".join(lines).replace("'csv'", "'xml'"))
    monkeypatch.syspath_prepend(tmp_path)
    export(finished, "python:our_csv:Ours", tmp_path / "out")
    header, *rows = (tmp_path / "out" / "train.csv").read_text().splitlines()
    assert header == '"answer","rate"'
    assert len(rows) == 8
    with pytest.raises(ConfigError, match=r"parquet, jsonl or csv, not '\.xml'"):
        export(finished, "python:our_xml:Ours", tmp_path / "other")
