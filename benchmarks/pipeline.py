"""The share of a `curate run`'s wall time that is spent outside the engines (policy and encoder), after imports and loading; and of `curate score`.

The default model on the quickstart's sources, grown until at least 20,000 tokens are generated. Bars: under 5%, and under 3% of scoring.
"""

import argparse
import tempfile
import time
from pathlib import Path

from assay.api import NullReporter
from assay.core.config import read_config
from assay.core.types import Problem, Request, SamplingConfig
from assay.embedding.encode import load_encoder
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
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
        tokens, score, whole = measure(Path(folder), n=3 if wanted == QUICK else 24)
    if tokens < wanted * 0.5:
        raise SystemExit(f"only {tokens} tokens were generated, {wanted} are wanted: raise n")
    publish("pipeline", [claim("curate run", *whole, tokens, 0.05), claim("curate score", *score, tokens, 0.03)])


def claim(command: str, total: float, inside: float, tokens: int, bar: float) -> Claim:
    """The seconds of a command that are not inside the engines, beside all of them."""
    outside = total - inside
    what = f"share of `{command}` outside the engines, {tokens} tokens"
    return Claim(what, outside, total, outside / total, f"<= {bar}", outside / total <= bar, "s", n=tokens, full_n=FULL)


Spent = tuple[float, float]  # wall seconds, and the seconds of them inside the engines


def measure(folder: Path, n: int) -> tuple[int, Spent, Spent]:
    """Tokens, what scoring took, and what the whole walk took."""
    config = read_config(PLAN, [f"score.n={n}", f"lake='{folder / 'lake'}'"])
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        _load(context)
        marks = [(time.monotonic(), 0.0)]
        for stage in ("split", "score", "order"):
            run_stages(context, stage)
            marks.append((time.monotonic(), context.meter.engine_s + context.meter.encoder_s))
        began, ready, scored, ended = marks
        return context.meter.tokens, (scored[0] - ready[0], scored[1] - ready[1]), (ended[0] - began[0], ended[1])


def _load(context: RunContext) -> None:
    """Loads model and encoder and starts the workers, outside the measured time."""
    problem = Problem.of("What is 1 + 1?")
    sampler = SamplingConfig(max_tokens=2)
    list(context.engine.generate([Request(problem.id, sampler.render(problem), sampler, (0,), 0)]))
    load_encoder(context.config.embed.encoder, texts=["one", "two"]).encode(["one", "two"])


if __name__ == "__main__":
    main()
