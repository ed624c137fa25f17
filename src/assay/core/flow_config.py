"""The table `[flow]` of the config: stages as a Prefect flow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FlowConfig(BaseModel):
    """`[flow]`: run the stages as a Prefect flow, scoring in shards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    runner: Literal["threads", "processes", "ray"] = "threads"
    workers: int = Field(default=1, ge=1)  # shards at a time; each worker opens an engine of its own
    cpus_per_worker: float = Field(default=1.0, gt=0)  # that Ray reserves for each worker
    gpus_per_worker: float = Field(default=0.0, ge=0)  # likewise, for engines and encoders on a GPU; may be a part
    problems_per_shard: int = Field(default=64, ge=1)  # problems per task
    lease_s: float = Field(default=900.0, gt=0)  # of a shard
    retries: int = Field(default=2, ge=0)  # of a task whose engine failed
    backoff_s: float = Field(default=10.0, ge=0)  # before the first retry; each further pause doubles
    ray_address: str = ""  # "" = a cluster on this machine while the run lasts
    on_server_unavailable: Literal["stop", "continue"] = "stop"
    overlap: Literal["wait", "refuse"] = "wait"  # a scheduled run that comes due while the last one still runs
    # without a heartbeat a scheduled run is dead, and the next starts
    heartbeat_timeout_s: float = Field(default=60.0, gt=0)
    reports_url: str = ""  # where the lake's folder `reports` is served, for links to runs; "" = the file itself

    @model_validator(mode="after")
    def _check_ray(self) -> "FlowConfig":
        if self.gpus_per_worker and self.runner != "ray":
            raise ValueError(
                f"gpus_per_worker = {self.gpus_per_worker:g} is reserved by Ray alone, but runner = {self.runner!r}"
            )
        if self.ray_address and self.runner != "ray":
            raise ValueError(
                f"ray_address = {self.ray_address!r} names a Ray cluster, but runner = {self.runner!r} does not use one"
            )
        return self
