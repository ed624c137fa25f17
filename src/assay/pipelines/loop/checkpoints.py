"""A training's last weights as a policy: where they lie, and which engine reads them."""

from dataclasses import fields
from pathlib import Path, PurePath

from assay.core.errors import ConfigError
from assay.core.parts import load_part
from assay.core.policy_config import PolicyConfig
from assay.pipelines.context.results import StageResult
from assay.pipelines.context.run import RunContext
from assay.pipelines.stages.train import output_folder

# a config's engine -> the one that reads its checkpoints
READ_BY = {"transformers": "transformers", "vllm": "vllm", "llamacpp": "transformers"}


def find_checkpoint(context: RunContext, training: StageResult) -> Path:
    """Find the folder of a finished training's last weights.

    Args:
        context: the run.
        training: its result, of any kind.

    Raises:
        ConfigError: it is not there, or holds no weights.
    """
    name = PurePath(training.detail["checkpoint"]).name  # the lake may have been moved since
    last = output_folder(context, training.key.rows) / name
    if not (last / "config.json").is_file() or not any(last.glob("*.safetensors")):
        table = "train" if training.stage == "train" else training.stage
        raise ConfigError(
            f"no checkpoint at {str(last)!r}: it was moved or deleted; "
            f"put it back, or train again with another {table}.seed"
        )
    return last


def checkpoint_engine(policy: PolicyConfig) -> str:
    """Name the engine that samples checkpoints of a config's policy.

    It is the policy's own where that one reads folders, and transformers in the place of llamacpp.

    Raises:
        ConfigError: the engine answers for one fixed policy.
    """
    if policy.engine not in READ_BY:
        raise ConfigError(
            f"policy.engine = {policy.engine!r} cannot load a checkpoint, but each round samples from the last one; "
            f"use {', '.join(sorted(READ_BY))}, or serve each checkpoint yourself and name it in its own config"
        )
    return READ_BY[policy.engine]


def policy_on_checkpoint(policy: PolicyConfig, model: str, engine: str) -> PolicyConfig:
    """Put a policy's sampler on another model and engine.

    Settings that this engine lacks are left out, and so is the revision where the model is another.

    Args:
        policy: the policy whose sampling settings stay.
        model: a name or folder.
        engine: the name of an engine.
    """
    engine_settings = {setting.name for setting in fields(load_part("engine", engine))}
    extras = {name: value for name, value in policy.settings.items() if name in engine_settings}
    sampling = policy.model_dump(include=set(PolicyConfig.model_fields))
    revision = policy.revision if model == policy.model else ""
    return PolicyConfig.model_validate({**sampling, **extras, "model": model, "engine": engine, "revision": revision})
