"""Rollouts a second from the replay engine through grading, posterior and store, in batches of 4,096.

The bundled recording of the tiny model, 23,040 rollouts, already read into memory; the stage `score` into a fresh lake. Bar: 20,000 a second.
The peer is the engine alone: what is left when nothing is judged, counted or stored.
"""

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path

from assay.api import NullReporter
from assay.core.config import read_config
from assay.core.types import Request
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_cleaned_problems
from assay.pipelines.runner.stages import plan_stage, run_stages
from assay.stores.lake import Lake
from benchmarks.claims import Claim, publish

PLAN = Path(__file__).parent.parent / "examples" / "recordings" / "tiny.toml"
REPLAY = (
    "policy.engine=replay",
    "policy.path=package:recordings/tiny.parquet",
    "score.problems_per_commit=64",
)  # 64 problems x 64 samples
FULL, QUICK = 5, 3  # runs, of which the best counts


def main() -> None:
    """Runs the plan in fresh lakes and prints the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} runs in place of {FULL}")
    runs = [measure() for _ in range(QUICK if parser.parse_args().quick else FULL)]
    samples = runs[0][0]
    ours, engine = samples / min(seconds for _, seconds, _ in runs), samples / min(alone for _, _, alone in runs)
    claim = f"rollouts a second through grading, posterior and store, {samples} recorded; the peer is the engine alone"
    publish(
        "scoring",
        [
            Claim(
                claim,
                ours,
                engine,
                ours / engine,
                "ours >= 20000",
                ours >= 20_000,
                "rollouts/s",
                n=samples,
                full_n=samples,
            )
        ],
    )


def measure() -> tuple[int, float, float]:
    """Samples, seconds of the stage that scores them all, and seconds of the engine alone."""
    with tempfile.TemporaryDirectory() as folder:
        config = read_config(PLAN, [*REPLAY, f"lake='{folder}/lake'"])
        with Lake(config.lake) as lake, closing(RunContext(config, lake, NullReporter())) as context:
            inputs = run_stages(context, "split")
            problems, sampler = read_cleaned_problems(context, inputs)[0], config.policy.sampler
            requests = [
                Request(id_, sampler.render(each), sampler, tuple(range(64)), config.seed)
                for id_, each in problems.items()
            ]
            list(context.engine.generate(requests[:1]))  # reads the recording
            began = time.perf_counter()
            samples = sum(len(rollouts) for rollouts in context.engine.generate(requests))
            alone = time.perf_counter() - began
            stage, _ = plan_stage(context, "score", inputs)
            stage.remaining()  # looks up what is stored
            began = time.perf_counter()
            stage.run()
            return samples, time.perf_counter() - began, alone


if __name__ == "__main__":
    main()
