from pathlib import Path

import pytest

from assay.cli.environment import check_faiss
from assay.core.errors import ConfigError


def installed(folder: Path, name: str) -> None:
    """What pip leaves of a distribution's name and version."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")


def test_both_faiss_wheels_at_once_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    installed(tmp_path, "faiss-cpu")
    check_faiss()
    installed(tmp_path, "faiss-gpu")
    with pytest.raises(ConfigError, match="faiss-cpu and faiss-gpu are both installed"):
        check_faiss()
