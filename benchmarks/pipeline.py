"""The share of a `curate run`'s wall time that is spent outside the engines (policy and encoder), after imports and loading.

The default model on the quickstart's sources, grown until at least 20,000 tokens are generated. Bar: under 5%.
"""

import argparse
import tempfile
import time
from pathlib import Path

from assay.api import Silence
from assay.core.plan import read_plan
from assay.core.types import Problem, Request, Sampler
from assay.embedding.encode import encoder
from assay.pipelines.job import Job
from assay.pipelines.walk import walk
from assay.stores.lake import Lake
from benchmarks.claims import Claim, publish

PLAN = Path(__file__).parent.parent / "configs" / "quickstart.toml"
FULL, QUICK = 20_000, 2_000  # generated tokens


def main() -> None:
    """Runs the plan in a fresh lake and prints the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} tokens in place of {FULL}")
    wanted = QUICK if parser.parse_args().quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        tokens, total, inside = measure(Path(folder), n=3 if wanted == QUICK else 24)
    if tokens < wanted * 0.5:
        raise SystemExit(f"only {tokens} tokens were generated, {wanted} are wanted: raise n")
    outside = total - inside
    claim = f"share of `curate run` outside the engines, {tokens} tokens"
    publish("pipeline", [Claim(claim, outside, total, outside / total, "<= 0.05", outside / total <= 0.05, "s", n=tokens, full_n=FULL)])


def measure(folder: Path, n: int) -> tuple[int, float, float]:
    """Tokens, wall seconds of the walk, and the seconds of it inside the engines."""
    plan = read_plan(PLAN, [f"score.n={n}", f"lake='{folder / 'lake'}'"])
    with Lake(plan.lake) as lake, Job(plan, lake, Silence()) as job:
        _load(job)
        began = time.monotonic()
        walk(job)
        total = time.monotonic() - began
        return job.meter.tokens, total, job.meter.engine_s + job.meter.encoder_s


def _load(job: Job) -> None:
    """Loads model and encoder and starts the workers, outside the measured time."""
    problem = Problem.of("What is 1 + 1?")
    sampler = Sampler(max_tokens=2)
    list(job.engine.generate([Request(problem.id, sampler.render(problem), sampler, (0,), 0)]))
    encoder(job.plan.embed.encoder, texts=["one", "two"]).encode(["one", "two"])


if __name__ == "__main__":
    main()
