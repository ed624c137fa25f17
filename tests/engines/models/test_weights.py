import pytest

from assay.core.errors import ConfigError
from assay.engines.models import weights


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "trained"
    path.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja", "trainer_state.json"):
        (path / name).write_text(name)
    return path


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"])
def test_whatever_changes_an_answer_changes_a_folders_revision(folder, name):
    before = weights.folder_identity(folder)
    (folder / name).write_text("changed, and longer")
    assert weights.folder_identity(folder) != before


def test_a_trainers_notes_do_not_change_a_folders_revision(folder):
    before = weights.folder_identity(folder)
    (folder / "trainer_state.json").write_text("changed, and longer")
    assert weights.folder_identity(folder) == before


def test_a_folder_without_weights_is_refused_with_what_it_holds(folder):
    (folder / "model.safetensors").rename(folder / "model.gguf")
    with pytest.raises(
        ConfigError, match=r"not contain a transformers checkpoint .*llamacpp' reads its file 'model.gguf'"
    ):
        weights.check_checkpoint(folder)


def test_a_file_is_hashed_again_once_it_has_changed(tmp_path):
    path = tmp_path / "weights"
    hashes = []
    for text in ("one", "another"):
        path.write_text(text)
        state = path.stat()
        hashes.append(weights.file_identity(str(path), state.st_size, state.st_mtime_ns))
    assert hashes[0] != hashes[1]
