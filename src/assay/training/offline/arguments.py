"""TRL's arguments for a training on stored rows. Every default of TRL that would silently change the result is set."""

from pathlib import Path
from typing import Any

from assay.training.checkpoints.ema import KEPT_STATES
from assay.training.offline.settings import OfflineSettings
from assay.training.trainer.arguments import learning_rate_arguments
from assay.training.trainer.trackers import PROJECT


def shared_arguments(settings: OfflineSettings, folder: Path, accumulation: int) -> dict[str, Any]:
    """Return the arguments that SFTConfig, DPOConfig and KTOConfig share.

    Args:
        settings: Of the run, with its steps.
        folder: Where TRL writes resume states.
        accumulation: Micro-batches per step and process.
    """
    import torch

    return {
        "output_dir": str(folder),
        "max_steps": settings.steps,
        "per_device_train_batch_size": settings.rows,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": settings.learning_rate,
        **learning_rate_arguments(settings),
        "max_length": None,  # rows that do not fit the window are left out and told; none is cut
        "router_aux_loss_coef": 0.0,  # a mixture of experts gets no second loss
        "seed": settings.seed,
        "gradient_checkpointing": settings.checkpointing,
        "bf16": torch.cuda.is_available() and torch.cuda.is_bf16_supported(),  # TRL's default is on, on a CPU too
        "model_init_kwargs": {"dtype": "float32", "device_map": None},
        "ddp_find_unused_parameters": False,
        "save_strategy": "steps" if settings.save_every else "no",
        "save_steps": settings.save_every or 1,
        "save_total_limit": KEPT_STATES
        if settings.ema_alpha
        else 2,  # a kill may break the newest, so one more is kept
        "report_to": list(settings.report_to) or "none",
        "project": PROJECT,
        "run_name": folder.parent.name,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
    }


def sft_arguments(settings: OfflineSettings, folder: Path, accumulation: int) -> Any:
    """Build the SFTConfig of a run; arguments as of `shared_arguments`."""
    from trl import SFTConfig

    return SFTConfig(**shared_arguments(settings, folder, accumulation), loss_type=settings.loss, packing=False)


def dpo_arguments(settings: OfflineSettings, folder: Path, accumulation: int) -> Any:
    """Build the DPOConfig of a run; arguments as of `shared_arguments`."""
    from trl import DPOConfig

    shared = shared_arguments(settings, folder, accumulation)
    return DPOConfig(**shared, loss_type=[settings.loss], beta=settings.beta, disable_dropout=True)


def kto_arguments(settings: OfflineSettings, folder: Path, accumulation: int) -> Any:
    """Build the KTOConfig of a run; arguments as of `shared_arguments`."""
    from trl import KTOConfig

    return KTOConfig(
        **shared_arguments(settings, folder, accumulation),
        loss_type=settings.loss,
        beta=settings.beta,
        desirable_weight=settings.desirable_weight,
        undesirable_weight=settings.undesirable_weight,
        disable_dropout=True,
    )
