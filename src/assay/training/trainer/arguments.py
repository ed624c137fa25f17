"""TRL's arguments for a run. Every default of TRL that would silently change the result is set here."""

import json
from pathlib import Path
from typing import Any

from assay.core.types import SamplingConfig
from assay.training.checkpoints.ema import KEPT_STATES
from assay.training.offline.settings import OfflineSettings
from assay.training.trainer.loss import Objective
from assay.training.trainer.settings import TrainingSettings
from assay.training.trainer.trackers import PROJECT


def trl_arguments(
    objective: Objective, sampler: SamplingConfig, settings: TrainingSettings, folder: Path, accumulation: int
) -> Any:
    """Build the GRPOConfig of a run.

    Args:
        objective: Its own arguments are added last.
        sampler: How rollouts are sampled.
        settings: Of the run.
        folder: Where TRL writes resume states.
        accumulation: Micro-batches per step.
    """
    import torch
    from trl import GRPOConfig

    return GRPOConfig(
        output_dir=str(folder),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.rows,
        gradient_accumulation_steps=accumulation,
        num_generations=settings.group_size,
        learning_rate=settings.learning_rate,
        **learning_rate_arguments(settings),
        **generation_arguments(settings),
        beta=settings.kl_coef,
        use_bias_correction_kl=False,  # the plain KL of the paper, as in loss.py
        router_aux_loss_coef=0.0,  # a mixture of experts gets no second loss
        seed=settings.seed,
        shuffle_dataset=False,
        max_completion_length=sampler.max_tokens,
        temperature=sampler.temperature,
        top_p=sampler.top_p,
        top_k=sampler.top_k,
        chat_template_kwargs=template_arguments(sampler),
        gradient_checkpointing=settings.checkpointing,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),  # TRL's default is on, on a CPU too
        model_init_kwargs={"dtype": "float32", "device_map": None},
        ddp_find_unused_parameters=False,  # every weight is used in every step
        save_strategy="steps" if settings.save_every else "no",
        save_steps=settings.save_every or 1,
        save_total_limit=KEPT_STATES if settings.ema_alpha else 2,  # a kill may break the newest, so one more is kept
        report_to=list(settings.report_to) or "none",
        project=PROJECT,
        run_name=folder.parent.name,
        logging_steps=1,
        logging_nan_inf_filter=False,  # which would log a NaN loss as the mean of the others
        disable_tqdm=True,
        **objective.arguments(),
    )


def generation_arguments(settings: TrainingSettings) -> dict[str, Any]:
    """Return how rollouts are generated.

    vLLM's probabilities differ from ours in the last bits. TRL corrects for that where it knows them, which it does not
    behind a teacher.
    """
    if not settings.vllm:
        return {}
    address = {"vllm_server_base_url": settings.vllm_url} if settings.vllm_url else {}
    return {
        "use_vllm": True,
        "vllm_mode": settings.vllm,
        "vllm_importance_sampling_correction": settings.teacher_settings is None,
        **address,
    }


def learning_rate_arguments(settings: TrainingSettings | OfflineSettings) -> dict[str, Any]:
    """Return the learning rate's schedule; TRL's own default falls linearly to 0."""
    if settings.final_lr_fraction == 1:
        return {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": settings.warmup_steps}
    lengths = {"num_decay_steps": settings.steps - settings.warmup_steps, "num_stable_steps": 0}
    shape = {"decay_type": "linear", "min_lr_ratio": settings.final_lr_fraction}
    return {
        "lr_scheduler_type": "warmup_stable_decay",
        "warmup_steps": settings.warmup_steps,
        "lr_scheduler_kwargs": lengths | shape,
    }


def template_arguments(sampler: SamplingConfig) -> dict[str, Any]:
    """Return the variables that are passed to the chat template."""
    return dict(json.loads(sampler.chat_template_args))
