"""The table `[track]` of the config: where curation is logged."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrackConfig(BaseModel):
    """`[track]`: experiment trackers that are told of a finished run; training's own are `train.report_to`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    report_to: tuple[Literal["wandb", "mlflow", "trackio"], ...] = ()
    project: str = "assay"  # in wandb and trackio, and the experiment of MLflow
    completions: int = Field(default=32, ge=0)  # rows of the table of completions; 0 = none
