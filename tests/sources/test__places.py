import json

import pytest

from assay.core.errors import ConfigError
from assay.sources.files import Files


def rows(path, prompt):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"prompt": prompt, "answer": "2"}) + "\n")


def prompts(source):
    return [problem.text for problem, _ in source.read()]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A working directory that is not the config's folder."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("paths", ["data/a.jsonl", "data/*.jsonl", "**/a.jsonl", ("data/a.jsonl",)])
def test_relative_paths_start_from_the_configs_folder(tmp_path, elsewhere, paths):
    rows(tmp_path / "plans" / "data" / "a.jsonl", "beside the config")
    rows(elsewhere / "data" / "a.jsonl", "in the working directory")
    source = Files(paths=paths).relative_to(str(tmp_path / "plans"))
    assert prompts(source) == ["beside the config"]
    assert source.notices() == ()
    assert prompts(Files(paths=paths)) == ["in the working directory"]


def test_the_working_directory_is_used_where_it_alone_has_the_file_and_this_is_told(tmp_path, elsewhere):
    rows(elsewhere / "data" / "a.jsonl", "in the working directory")
    source = Files(paths="data/a.jsonl").relative_to(str(tmp_path / "plans"))
    assert prompts(source) == ["in the working directory"]
    (notice,) = source.notices()
    assert "'data/a.jsonl' is read from the working directory" in notice
    assert Files(paths=str(elsewhere / "data" / "a.jsonl")).relative_to(str(tmp_path)).notices() == ()


def test_the_fingerprint_is_that_of_the_path_as_written(tmp_path, monkeypatch):
    rows(tmp_path / "a.jsonl", "1 + 1?")
    monkeypatch.chdir(tmp_path)
    before = Files(paths="a.jsonl").fingerprint()
    monkeypatch.chdir("/")
    assert Files(paths="a.jsonl").relative_to(str(tmp_path)).fingerprint() == before


def test_a_missing_file_names_the_folder_in_which_it_was_looked_for(tmp_path, elsewhere):
    rows(tmp_path / "train.jsonl", "1 + 1?")
    with pytest.raises(ConfigError, match=r"no file 'trian.jsonl' in .*; nearest: 'train.jsonl'"):
        Files(paths="trian.jsonl").relative_to(str(tmp_path)).fingerprint()
