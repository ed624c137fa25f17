"""TRL's arguments: each default that would change the result in silence is set here."""

import json
from pathlib import Path
from typing import Any

from assay.core.types import SamplingConfig
from assay.training.checkpoints.ema import KEPT
from assay.training.trainer.loss import Objective
from assay.training.trainer.settings import Settings
from assay.training.trainer.trackers import PROJECT


def arguments(
    objective: Objective, sampler: SamplingConfig, settings: Settings, folder: Path, accumulation: int
) -> Any:
    """The GRPOConfig of a run whose states lie in `folder`."""
    import torch
    from trl import GRPOConfig

    return GRPOConfig(
        output_dir=str(folder),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.rows,
        gradient_accumulation_steps=accumulation,
        num_generations=settings.group_size,
        learning_rate=settings.learning_rate,
        **rates(settings),
        **generation(settings),
        beta=settings.beta,
        use_bias_correction_kl=False,  # the plain KL of the paper, as in loss.py
        router_aux_loss_coef=0.0,  # a mixture of experts gets no second loss
        seed=settings.seed,
        shuffle_dataset=False,
        max_completion_length=sampler.max_tokens,
        temperature=sampler.temperature,
        top_p=sampler.top_p,
        top_k=sampler.top_k,
        chat_template_kwargs=template_args(sampler),
        gradient_checkpointing=settings.checkpointing,
        bf16=torch.cuda.is_available()
        and torch.cuda.is_bf16_supported(),  # the library's own default is on, also on a CPU
        model_init_kwargs={"dtype": "float32", "device_map": None},
        ddp_find_unused_parameters=False,  # every weight is used in every step
        save_strategy="steps" if settings.save_every else "no",
        save_steps=settings.save_every or 1,
        save_total_limit=KEPT
        if settings.average
        else 2,  # the newest may be broken by a kill, so the one before it stays
        report_to=list(settings.report_to) or "none",
        project=PROJECT,
        run_name=folder.parent.name,
        logging_steps=1,
        logging_nan_inf_filter=False,  # which would log a NaN loss as the mean of the others
        disable_tqdm=True,
        **objective.arguments(),
    )


def generation(settings: Settings) -> dict[str, Any]:
    """How rollouts are drawn. vLLM's probabilities differ in the last bits, which TRL corrects where it knows them: not behind a teacher."""
    if not settings.vllm:
        return {}
    where = {"vllm_server_base_url": settings.vllm_url} if settings.vllm_url else {}
    return {
        "use_vllm": True,
        "vllm_mode": settings.vllm,
        "vllm_importance_sampling_correction": settings.guidance is None,
        **where,
    }


def rates(settings: Settings) -> dict[str, Any]:
    """How the learning rate goes; the library's own default falls linearly to 0."""
    if settings.learning_rate_end == 1:
        return {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": settings.warmup}
    falls = {"num_decay_steps": settings.steps - settings.warmup, "num_stable_steps": 0}
    shape = {"decay_type": "linear", "min_lr_ratio": settings.learning_rate_end}
    return {
        "lr_scheduler_type": "warmup_stable_decay",
        "warmup_steps": settings.warmup,
        "lr_scheduler_kwargs": falls | shape,
    }


def template_args(sampler: SamplingConfig) -> dict[str, Any]:
    """What is passed to the chat template."""
    return dict(json.loads(sampler.chat_template_args))
