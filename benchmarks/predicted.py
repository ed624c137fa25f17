"""How far a prior predicted from each problem's vector goes beyond one fitted to the pool: adaptive scoring, replayed on the recorded rollouts.

The pool is that of `scoring_study`'s `replay`, 360 problems x 64 attempts of the tiny model, their order shuffled by the seed. Vectors are
the policy's own hidden states and TF-IDF; both priors see the same attempts. Values are compared at equal tokens, read off each seed's curve over
waves; intervals are 95%, Student's t over seeds.
"""

import argparse
import time
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import numpy as np
from scipy import stats

from assay.embedding.encode import load_encoder
from assay.embedding.hidden import HiddenStates
from assay.engines.models import registry
from assay.maths.allocation.embedding_prior import fit_embedding_prior
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
from benchmarks import scoring_study as study
from benchmarks.claims import Claim, publish

SEEDS, QUICK, SIZE = 20, 4, 8
BUDGETS = (0.05, 0.2, 0.5)
COSTS = (0.05, 0.1, 0.2, 0.3)  # shares of the tokens of n = 64
MODEL = "tiny-arithmetic"


def main() -> None:
    """Replays every budget under both priors and prints what each has at equal cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} seeds")
    parser.add_argument(
        "--encoder", choices=("policy", "tfidf"), action="append", help="of the vectors; both by default"
    )
    given = parser.parse_args()
    seeds, began = QUICK if given.quick else SEEDS, time.monotonic()
    drawn = [study.draw("replay", study.FIRST + seed) for seed in range(seeds)]
    found = [claim for name in given.encoder or ("policy", "tfidf") for claim in compared(name, drawn)]
    publish(f"predicted{'_quick' if given.quick else ''}", found)
    print(f"{seeds} seeds, {time.monotonic() - began:.0f} s")


def vectors(name: str) -> np.ndarray:
    """Unit rows of the recorded problems, ids ascending, (360, d)."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(
        str(files("assay") / "data" / "recordings" / "tiny.parquet"), columns=["problem_id", "messages"]
    )
    texts = dict(zip(table["problem_id"].to_pylist(), map(text, table["messages"].to_pylist()), strict=True))
    ordered = [texts[id_] for id_ in sorted(texts)]
    made = (
        HiddenStates(registry.find_checkpoint(MODEL, ""), "") if name == "policy" else load_encoder(name, texts=ordered)
    )
    return np.asarray(made.encode(ordered))


def text(messages: Any) -> str:
    """What was asked."""
    import json

    turns = json.loads(messages) if isinstance(messages, str) else messages
    return str(turns[-1]["content"])


def compared(name: str, drawn: list[study.Drawn]) -> Iterator[Claim]:
    """One claim a budget and cost: the value of the selection under the predicted prior beside the fitted one, at equal tokens."""
    rows = vectors(name)

    def believe(evidence: Any, chosen: np.ndarray) -> ZeroInflatedBeta:
        return fit_embedding_prior(evidence.correct, evidence.wrong, rows[chosen])

    for share in BUDGETS:
        pairs = [tuple(run(each, share, fit) for fit in (study.fit, believe)) for each in drawn]
        theirs, mine = (np.array([pair[i]["stopped"] for pair in pairs]).mean(axis=0) for i in (0, 1))
        ends = f"by itself it ends at {mine[1]:.4f} for {mine[0]:.3f}, fitted at {theirs[1]:.4f} for {theirs[0]:.3f}"
        for cost in COSTS:
            low, high = (np.array([valued(pair[i], cost) for pair in pairs]) for i in (0, 1))
            gap = high - low
            half = float(stats.t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / len(gap) ** 0.5)
            what = f"{name} vectors, budget {share:.0%}, at {cost:.0%} of the tokens: {gap.mean():+.4f} ± {half:.4f}; {ends}"
            yield Claim(
                what,
                high.mean(),
                low.mean(),
                high.mean() / low.mean(),
                "none",
                True,
                "of n = 64's signal",
                n=len(gap),
                full_n=SEEDS,
            )


def valued(made: dict[str, Any], cost: float) -> float:
    """The value at a share of the tokens; where it stopped before, what it stopped with."""
    curve = made["curve"]
    return float(np.interp(cost, curve[:, 0], curve[:, 1]))


def run(drawn: study.Drawn, share: float, fit: study.FitPrior) -> dict[str, Any]:
    """Where it stops, and its curve over waves: shares of the tokens and of the value of n = 64."""
    value = drawn.value(SIZE)
    budget, scale = round(share * len(value)), float(drawn.tokens[:, -1].sum())
    full = np.full(len(value), study.MOST)
    best = float(
        value[study.best(drawn.right[:, study.MOST], full, budget, SIZE, drawn.prior("fitted", study.MOST))].sum()
    )
    made = study.ours(drawn, budget, SIZE, value, fit)
    curve = study.gridded(made["curve"], scale) / np.array([1.0, best])
    return {"stopped": (made["stopped"][0] / scale, made["stopped"][1] / best), "curve": curve}


if __name__ == "__main__":
    main()
