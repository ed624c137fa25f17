"""The ids of trainings do not follow the names of settings: these come from before they had the config's names."""

from typing import Any

import pytest

from assay.core.identity import content_id
from assay.training.offline.settings import OfflineSettings
from assay.training.teacher.settings import TeacherSettings
from assay.training.trainer.settings import TrainingSettings

HELP: dict[str, Any] = {
    "schedule": "constant",
    "fraction": 0.3,
    "final_fraction": 0.2,
    "decay_steps": 5,
    "stop_step": None,
    "apply_to": "failed",
    "student_continues": True,
    "gold_fallback": True,
    "on_unavailable": "continue",
    "max_tokens": 9,
}
TRAINING: dict[str, Any] = {
    "steps": 7,
    "group_size": 4,
    "problems_per_step": 3,
    "warmup_steps": 2,
    "final_lr_fraction": 0.5,
    "kl_coef": 0.1,
    "kl_schedule": "rising",
    "kl_coef_min": 0.01,
    "micro_batch_size": 2,
    "mask_truncated": True,
    "relift_batch": 4,
    "ema_alpha": 0.2,
    "lora_rank": 2,
}
OFFLINE: dict[str, Any] = {
    "warmup_steps": 3,
    "final_lr_fraction": 0.3,
    "micro_batch_size": 4,
    "ema_alpha": 0.2,
    "beta": 0.3,
    "desirable_weight": 2.0,
}


@pytest.mark.parametrize(
    ("settings", "hashed"),
    [
        (TrainingSettings(**TRAINING, teacher_settings=TeacherSettings(**HELP)), "4b972bccba74afbf3aa96415"),
        (TrainingSettings(), "c1d46ce391f899acbc835a18"),
        (OfflineSettings(**OFFLINE), "a4a71aaa93c0dcc3a58a1e78"),
        (OfflineSettings(), "f233aa93f04f3a74b6754c8d"),
    ],
)
def test_settings_are_hashed_as_they_were_under_their_first_names(
    settings: TrainingSettings | OfflineSettings, hashed: str
) -> None:
    assert content_id("x", settings.decisive) == hashed
