"""`curate serve-model`: a local engine behind an OpenAI-compatible address."""

import os
import signal
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import Sets, report_errors
from assay.core.errors import ConfigError
from assay.core.parts import build_part

CLOSING_S = 10.0  # for the engine to finish: an interpreter that ends inside torch is aborted
Where = Annotated[
    Path | None, typer.Argument(metavar="[CONFIG]", help="The config whose policy is served.", show_default=False)
]
Name = Annotated[
    str,
    typer.Option(
        "--engine", metavar="NAME", help="The engine, if no config is given: llamacpp, transformers, vllm, ..."
    ),
]
Model = Annotated[str, typer.Option("--model", metavar="M", help="The model to serve with it.", show_default=False)]
Host = Annotated[
    str, typer.Option("--host", help="Address to listen on; 0.0.0.0 allows other machines, and needs --key-env.")
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 = any free port.")]
Key = Annotated[
    str,
    typer.Option(
        "--key-env", metavar="VARIABLE", help="Environment variable that holds the API key that clients must send."
    ),
]
Slots = Annotated[
    int, typer.Option("--slots", min=1, help="Number of parallel samples that clients are advised to request.")
]


def serve_model(
    path: Where = None,
    engine: Name = "llamacpp",
    model: Model = "",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    key_env: Key = "",
    slots: Slots = 64,
    sets: Sets = [],
) -> None:
    """Serve a local engine: /v1/models, /v1/chat/completions (streams, n choices) and /tokenize, until interrupted."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.engines.server.app import ModelServer
        from assay.engines.server.listener import check_bind

        key = os.environ.get(key_env, "").strip()
        if key_env and not key:
            raise ConfigError(f"the environment variable {key_env} of --key-env is not set")
        check_bind(host, key)
        built = _build_from_config(path, sets) if path else _build_from_name(engine, model, sets)
        service = ModelServer(built, host, port, key, slots)
        reporter.say(f"{built.policy.name} ({built.policy.revision}) at {service.url}; press Ctrl-C to stop")
        for number in (signal.SIGINT, signal.SIGTERM):  # a shell lets what it starts in the background ignore the first
            signal.signal(number, _interrupt)
        try:
            service.serve()
        except KeyboardInterrupt:
            reporter.say("interrupted: no longer served")
        finally:
            service.batcher.close(CLOSING_S)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _build_from_config(path: Path, sets: list[str]) -> Any:
    from assay.core.config import read_config
    from assay.pipelines.context.run import build_engine

    return build_engine(read_config(path, sets).policy)


def _build_from_name(engine: str, model: str, sets: list[str]) -> Any:
    """Build an engine by name; here `--set key=value` gives its settings."""
    try:
        settings = {
            name.strip(): tomllib.loads(f"value = {text}")["value"]
            for name, _, text in (text.partition("=") for text in sets)
        }
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"--set: {error}") from error
    return build_part("engine", engine, {**({"model": model} if model else {}), **settings})
