"""Difficulties on one scale: recovered from simulated respondents, beside pass rates where who met what depends on ability; and real ones.

The peer for time and agreement is girth 0.8.0's `rasch_mml` (`pip install --no-deps --target DIR girth`, DIR on PYTHONPATH), which has no
standard errors; without it these rows are left out. py-irt clashes with this project's dependencies. Real data, with --data DIR or ASSAY_DATA:
`gsm8k/example_model_solutions.jsonl` of OpenAI's grade-school-math, 4 models x 1,319 problems.
"""

import argparse
import importlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special, stats

from assay.maths.beta.irt import ability, fit_1pl
from benchmarks.claims import Claim, publish

SEEDS = 20
MODELS = ("6b_finetuning", "175b_finetuning", "6b_verification", "175b_verification")  # by share solved


def main() -> None:
    """Runs what there is data and a peer for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 seeds in place of 20")
    parser.add_argument("--data", default=os.environ.get("ASSAY_DATA", ""))
    asked = parser.parse_args()
    seeds = 5 if asked.quick else SEEDS
    claims = [*recovered(seeds), holed(seeds), *beside_girth()]
    path = Path(asked.data) / "gsm8k" / "example_model_solutions.jsonl"
    publish("irt", claims + (real(path) if asked.data and path.exists() else []))


def simulated(m: int, n: int, seed: int) -> tuple[Any, Any, Any]:
    """Answers, abilities, difficulties."""
    rng = np.random.default_rng(seed)
    theta, b = rng.normal(0, 1, m), rng.normal(0, 1.5, n)
    return (rng.random((m, n)) < special.expit(theta[:, None] - b)).astype(float), theta, b


def recovered(seeds: int) -> list[Claim]:
    """Rank correlation with the truth and coverage of 95% intervals."""
    claims = []
    for m in (20, 60):
        rho, held = [], []
        for seed in range(seeds):
            right, _, b = simulated(m, 500, seed)
            fit = fit_1pl(right, np.ones_like(right))
            rho.append(stats.spearmanr(fit.b, b).statistic)
            held.append((np.abs(fit.b - b) < 1.96 * fit.b_se).mean())
        bar = 0.95 if m == 60 else 0.9
        what = f"Spearman of b with the truth, {m} respondents x 500 problems; share of 95% intervals that hold it"
        claims.append(
            Claim(
                what,
                float(np.mean(rho)),
                float(np.mean(held)),
                float(np.min(rho)),
                f">= {bar}",
                bool(np.mean(rho) >= bar),
                "rho",
                n=seeds,
            )
        )
    return claims


def holed(seeds: int) -> Claim:
    """Strong respondents met the hard problems, weak ones the easy: difficulties beside pass rates."""
    by_irt, by_rate = [], []
    for seed in range(seeds):
        right, theta, b = simulated(40, 500, seed)
        seen = special.expit(2 * theta[:, None] * b) > np.random.default_rng(seed + 1000).random(right.shape)
        rate = (right * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        by_irt.append(stats.spearmanr(fit_1pl(right * seen, seen).b, b).statistic)
        by_rate.append(stats.spearmanr(-rate, b).statistic)
    ours, peer = float(np.mean(by_irt)), float(np.mean(by_rate))
    return Claim(
        "Spearman with the truth, holes that follow ability; the peer is the pass rate",
        ours,
        peer,
        ours / peer,
        "> 1",
        ours > peer,
        "rho",
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """The best of three, in seconds."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        found = work()
        taken.append(time.perf_counter() - began)
    return min(taken), found


def beside_girth() -> list[Claim]:
    """Seconds and agreement at two sizes."""
    try:
        girth = importlib.import_module("girth")
    except ImportError:
        return []
    claims = []
    for m, n in ((60, 500), (60, 5000)):
        right, _, _ = simulated(m, n, 0)
        ours, fit = timed(lambda right=right: fit_1pl(right, np.ones_like(right)))
        peer, found = timed(lambda right=right: girth.rasch_mml(right.T.astype(int)))
        told = found["Difficulty"]
        agreed = float(stats.spearmanr(fit.b, told).statistic)
        what = f"1PL of {m} x {n} with errors, beside girth without; Spearman of both {agreed:.4f}"
        claims.append(Claim(what, ours, peer, peer / ours, "none", True, "s"))
    return claims


def real(path: Path) -> list[Claim]:
    """Four models on GSM8K's test set: abilities in the order of their shares, everything finite."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    right = np.array([[row[model]["is_correct"] for row in rows] for model in MODELS], dtype=float)
    fit = fit_1pl(right, np.ones_like(right))
    share = right.mean(axis=1)
    for model, solved, theta, error in zip(MODELS, share, fit.theta, fit.theta_se, strict=True):
        print(f"{model}: solved {solved:.3f}, ability {theta:+.2f} +- {error:.2f}")
    for k in range(5):
        chosen = right.sum(axis=0) == k
        print(
            f"solved by {k} of 4: {chosen.sum()} problems, b {fit.b[chosen].mean():+.2f} +- {fit.b_se[chosen].mean():.2f}"
        )
    probe = np.random.default_rng(0).permutation(len(rows))[:200]
    probed = [ability(row[probe], np.ones(200), fit.b[probe])[0] for row in right]
    finite = bool(np.isfinite(fit.b).all() and (np.diff(fit.theta) > 0).all() and (np.diff(probed) > 0).all())
    reach = float(np.abs(fit.b).max())
    what = "GSM8K, 4 models x 1,319: largest |b| with all-right and all-wrong rows; abilities, whole and from 200 probes, in the order of accuracy"
    return [
        Claim(
            what,
            reach,
            float(fit.b_se.max()),
            float(np.ptp(fit.theta)),
            "finite, in order",
            finite,
            "logits",
            n=len(rows),
        )
    ]


if __name__ == "__main__":
    main()
