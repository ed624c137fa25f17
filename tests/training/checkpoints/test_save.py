import json
from pathlib import Path

import pytest

from assay.training.checkpoints.save import RECORD, save_checkpoint


class Written:
    """Saves one file, like a model or a tokenizer."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def save_pretrained(self, folder: Path) -> None:
        (folder / self.name).write_text(self.text)


class Broken(Written):
    def save_pretrained(self, folder: Path) -> None:
        super().save_pretrained(folder)
        raise OSError("no space left")


def test_a_checkpoint_holds_weights_tokenizer_and_record(tmp_path: Path) -> None:
    target = save_checkpoint(Written("weights", "1"), Written("words", "2"), tmp_path / "a" / "step-2", {"run": "x"})
    assert sorted(path.name for path in target.iterdir()) == [RECORD, "weights", "words"]
    assert json.loads((target / RECORD).read_text()) == {"run": "x"}
    assert [path.name for path in target.parent.iterdir()] == ["step-2"]


def test_a_second_checkpoint_replaces_the_first(tmp_path: Path) -> None:
    save_checkpoint(Written("old", "1"), Written("words", "2"), tmp_path / "step-2", {})
    save_checkpoint(Written("new", "1"), Written("words", "2"), tmp_path / "step-2", {})
    assert sorted(path.name for path in (tmp_path / "step-2").iterdir()) == ["new", RECORD, "words"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_save_that_fails_leaves_the_older_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(Written("old", "1"), Written("words", "2"), tmp_path / "step-2", {})
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint(Written("new", "1"), Broken("words", "2"), tmp_path / "step-2", {})
    assert (tmp_path / "step-2" / "old").exists()
