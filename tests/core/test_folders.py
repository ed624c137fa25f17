from assay.core import folders


def test_the_cache_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ASSAY_CACHE", raising=False)
    assert folders.cache_folder() == tmp_path / "assay"
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "own"))
    assert folders.cache_folder() == tmp_path / "own"
