"""A training's last weights as a policy: where they lie, and which engine reads them."""

from dataclasses import fields
from pathlib import Path

from assay.core.config import PolicyConfig
from assay.core.errors import ConfigError
from assay.core.parts import load_part
from assay.pipelines.context.run import RunContext
from assay.pipelines.stages.train import output_folder

READ_BY = {
    "transformers": "transformers",
    "vllm": "vllm",
    "llamacpp": "transformers",
}  # a plan's engine -> the one that reads its checkpoints


def find_checkpoint(context: RunContext, training: str) -> Path:
    """The folder of a finished training's last weights.

    Raises:
        ConfigError: it is not there, or holds no weights.
    """
    last = output_folder(context, training) / f"step-{context.config.train.steps}"
    if not (last / "config.json").is_file() or not any(last.glob("*.safetensors")):
        raise ConfigError(
            f"no checkpoint at {str(last)!r}: it was moved or deleted; put it back, or train anew with another train.seed"
        )
    return last


def checkpoint_engine(policy: PolicyConfig) -> str:
    """The engine that samples checkpoints of a plan's policy: its own where it reads folders, transformers in the place of llamacpp.

    Raises:
        ConfigError: the engine answers for one fixed policy.
    """
    if policy.engine not in READ_BY:
        raise ConfigError(
            f"policy.engine = {policy.engine!r} cannot load a checkpoint, and each round samples the last one; "
            f"use {', '.join(sorted(READ_BY))}, or serve each checkpoint yourself and name it in a plan of its own"
        )
    return READ_BY[policy.engine]


def policy_on_checkpoint(policy: PolicyConfig, model: str, engine: str) -> PolicyConfig:
    """The same sampler on another model and engine; settings that this engine has not are left out, and so is a revision of another model."""
    known = {each.name for each in fields(load_part("engine", engine))}
    extras = {name: value for name, value in policy.settings.items() if name in known}
    asked = policy.model_dump(include=set(PolicyConfig.model_fields))
    revision = policy.revision if model == policy.model else ""
    return PolicyConfig.model_validate({**asked, **extras, "model": model, "engine": engine, "revision": revision})
