import json

import pytest

from assay.core.errors import ConfigError
from assay.core.ports import Source
from assay.core.types import Drop
from assay.sources.hub import Hub

datasets = pytest.importorskip("datasets")
ROWS = [
    {"question": "1 + 1?", "answer": "#### 2", "level": 1},
    {"question": "2 + 2?", "answer": None, "level": 2},
    {"question": "3?", "answer": "#### 3", "level": 3},
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    rows = datasets.Dataset.from_list(ROWS)
    rows.save_to_disk(str(folder / "one"))
    datasets.DatasetDict({"train": rows, "test": rows.select([0])}).save_to_disk(str(folder / "many"))
    (folder / "files").mkdir()
    (folder / "files" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder


@pytest.mark.parametrize("name", ["one", "many", "files"])
def test_a_folder_gives_problems_and_drops_with_their_rows(saved, name):
    part = Hub(path=str(saved / name), prompt="question", answer_marker="####", metadata_fields=("level",))
    first, second, third = part.read()
    assert (first[0].text, first[1].answer, first[0].source, first[0].metadata) == ("1 + 1?", "2", name, '{"level":1}')
    assert isinstance(second, Drop)
    assert (second.reason, second.line, second.file) == ("answer_not_text", 2, str(saved / name))
    assert third[1].answer == "3"
    assert isinstance(part, Source)


def test_a_split_is_chosen_by_name(saved):
    assert len(list(Hub(path=str(saved / "many"), split="test", prompt="question").read())) == 1
    with pytest.raises(ConfigError, match="nearest: 'test'"):
        Hub(path=str(saved / "many"), split="tests").read()
    with pytest.raises(ConfigError, match="split 'dev'"):
        Hub(path=str(saved / "files"), split="dev").read()


def test_a_field_that_is_not_there_is_refused_before_the_first_row(saved):
    with pytest.raises(ConfigError, match="no field 'promt'; "):
        Hub(path=str(saved / "one"), prompt="promt").read()


def test_a_missing_folder_is_one_line(saved):
    for path in (str(saved / "nowhere"), "./nowhere"):
        with pytest.raises(ConfigError, match="no folder"):
            Hub(path=path).read()
    with pytest.raises(ConfigError, match="is a file"):
        Hub(path=str(saved / "files" / "train.jsonl")).read()


def test_a_broken_data_file_is_one_drop(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"question": "q", "answer": "1"}\n{"question": \n')
    assert [item.reason for item in Hub(path=str(tmp_path), prompt="question").read() if isinstance(item, Drop)] == [
        "broken_file"
    ]


def test_the_fingerprint_follows_the_bytes(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"question": "q", "answer": "1"}\n')
    before = Hub(path=str(tmp_path)).fingerprint()
    (tmp_path / "train.jsonl").write_text('{"question": "q", "answer": "2"}\n')
    assert Hub(path=str(tmp_path)).fingerprint() != before
