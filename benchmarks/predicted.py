"""How far a prior predicted from each problem's vector goes beyond one fitted to the pool: adaptive scoring, replayed on the recorded rollouts.

The pool is that of `scoring_study`'s `replay`, 360 problems x 64 attempts of the tiny model, their order shuffled by the seed. Vectors are
the policy's own hidden states and TF-IDF; both priors see the same attempts. Tokens are compared at the value at which the worse of the two
ends by itself, read off the mean curves over waves; the interval is a jackknife over seeds.
"""

import argparse
import time
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import numpy as np
from scipy import stats

from assay.embedding.encode import encoder
from assay.embedding.hidden import HiddenStates
from assay.engines import _models
from assay.maths.beliefs import Belief
from assay.maths.predicted import predicted
from benchmarks import scoring_study as study
from benchmarks.claims import Claim, publish

SEEDS, QUICK, SIZE = 20, 4, 8
BUDGETS = (0.05, 0.2, 0.5)
MODEL = "tiny-arithmetic"


def main() -> None:
    """Replays every budget under both priors and prints the tokens saved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} seeds")
    parser.add_argument("--encoder", choices=("policy", "tfidf"), action="append", help="of the vectors; both by default")
    given = parser.parse_args()
    seeds, began = QUICK if given.quick else SEEDS, time.monotonic()
    drawn = [study.draw("replay", seed) for seed in range(seeds)]
    found = [claim for name in given.encoder or ("policy", "tfidf") for claim in compared(name, drawn)]
    publish(f"predicted{'_quick' if given.quick else ''}", found)
    print(f"{seeds} seeds, {time.monotonic() - began:.0f} s")


def vectors(name: str) -> np.ndarray:
    """Unit rows of the recorded problems, ids ascending, (360, d)."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(str(files("assay") / "data" / "recordings" / "tiny.parquet"), columns=["problem_id", "messages"])
    texts = dict(zip(table["problem_id"].to_pylist(), map(text, table["messages"].to_pylist()), strict=True))
    ordered = [texts[id_] for id_ in sorted(texts)]
    made = HiddenStates(_models.checkpoint(MODEL, ""), "") if name == "policy" else encoder(name, texts=ordered)
    return np.asarray(made.encode(ordered))


def text(messages: Any) -> str:
    """What was asked."""
    import json

    turns = json.loads(messages) if isinstance(messages, str) else messages
    return str(turns[-1]["content"])


def compared(name: str, drawn: list[study.Drawn]) -> Iterator[Claim]:
    """One claim a budget: tokens under the predicted prior beside the fitted one."""
    rows = vectors(name)

    def believe(evidence: Any, chosen: np.ndarray) -> Belief:
        return predicted(evidence.correct, evidence.wrong, rows[chosen])

    for share in BUDGETS:
        pairs = [tuple(run(each, share, fit) for fit in (study.fit, believe)) for each in drawn]
        whole = saving(pairs)
        parts = np.array([saving(pairs[:i] + pairs[i + 1 :]) for i in range(len(pairs))])
        pseudo = len(pairs) * whole - (len(pairs) - 1) * parts
        half = float(stats.t.ppf(0.975, len(pairs) - 1) * pseudo.std(ddof=1) / len(pairs) ** 0.5)
        theirs, mine = (np.mean([pair[i]["stopped"] for pair in pairs], axis=0) for i in (0, 1))
        ends = f"ends at {mine[1]:.4f} for {mine[0]:.4f} of the tokens, fitted at {theirs[1]:.4f} for {theirs[0]:.4f}"
        what = (
            f"{name} vectors, budget {share:.0%}: tokens saved by the predicted prior {whole:+.1%} [{whole - half:+.1%}, {whole + half:+.1%}]; {ends}"
        )
        yield Claim(what, mine[0], theirs[0], mine[0] / theirs[0], "none", True, "share of the tokens of n = 64", n=len(pairs), full_n=SEEDS)


def run(drawn: study.Drawn, share: float, fit: study.Fit) -> dict[str, Any]:
    """Where it stops, and its curve over waves: shares of the tokens and of the value of n = 64."""
    value = drawn.value(SIZE, True)
    budget, scale = round(share * len(value)), float(drawn.tokens[:, -1].sum())
    full = np.full(len(value), study.MOST)
    best = float(value[study.best(drawn.right[:, study.MOST], full, budget, SIZE, drawn.prior("fitted", study.MOST))].sum())
    made = study.ours(drawn, budget, SIZE, value, fit)
    curve = study.gridded(made["curve"], scale) / np.array([1.0, best])
    return {"stopped": (made["stopped"][0] / scale, made["stopped"][1] / best), "curve": curve}


def saving(pairs: list[Any]) -> float:
    """1 - tokens of the predicted prior / tokens of the fitted one, at the lower of the two values that both reach."""
    curves = [np.mean([pair[i]["curve"] for pair in pairs], axis=0) for i in (0, 1)]
    at = min(float(np.maximum.accumulate(curve[:, 1])[-1]) for curve in curves)
    theirs, mine = (study.reached(curve, at) for curve in curves)
    return 1 - mine / theirs


if __name__ == "__main__":
    main()
