"""What each selector picks of the bundled pool, against human levels, and how much of what it promises comes true.

The pool: 300 problems of GSM8K, 300 of SVAMP and 400 generated sums. Human levels: calculator steps in GSM8K's worked solutions, operators
in SVAMP's equations, terms of a sum less one. Without --plan the policy is simulated: a problem's logit is its source's, less .7 a level,
plus N(0, 1.5), the sources' set so that sums are solved .63 of the time, SVAMP .05 and GSM8K .02, as SmolLM2-135M-Instruct was measured; eight
attempts are drawn, and the truth is known. With --plan the attempts are those that its lake has recorded: the first half of each
problem's attempts is shown to the selectors, the second half is the truth, and a group is as large as half of them; the level is then
the count of numbers in the text less one.

The winner's curse is the signal expected of the chosen less the true one. Intervals are 95% over seeds (of attempts and of chance; of chance
alone with --plan).
"""

import argparse
import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.parts import build_part, list_parts
from assay.core.types import Pool
from assay.embedding.cluster import cluster
from assay.embedding.encode import load_encoder
from assay.maths.beta.posterior import mean, posterior
from assay.maths.geometry.coverage import coverage
from assay.maths.rl.group_signal import expected_signal, group_signal, observed_signal
from benchmarks.claims import RESULTS, hardware

TARGET = {
    "GSM8K": 0.02,
    "SVAMP": 0.05,
    "sums": 0.63,
}  # measured share solved, six solved examples before each problem; GSM8K: zero-shot
PER_LEVEL, SPREAD = 0.7, 1.5  # logits
SEEDS, CLUSTERS = 10, 20
VARIANTS: dict[str, dict[str, Any]] = {
    "frontier cluster_quota=none": {"cluster_quota": "none"},
    "frontier cluster_quota=none expected_improvement=2": {"cluster_quota": "none", "expected_improvement": 2.0},
    "foreign order=highest": {"order": "highest"},
}
BESIDE = (
    "uniform",
    "informative",
    "frontier",
)  # whose overlap is printed; the ids of the first seed are in the results
RECORDED = """
SELECT r.problem_id, p.messages[-1].content AS text, p.source, list(v.outcome = 'correct' ORDER BY r.sample) AS won
FROM rollouts r JOIN (SELECT rollout_id, any_value(outcome ORDER BY version DESC) AS outcome FROM verdicts GROUP BY rollout_id) v
  ON v.rollout_id = r.id JOIN problems p ON p.id = r.problem_id
WHERE r.policy = ? AND r.sampler = ? AND r.step IS NULL AND NOT r.guided AND v.outcome <> 'verifier_error'
GROUP BY ALL HAVING count(*) >= 4 ORDER BY r.problem_id
"""


@dataclass(frozen=True)
class Shown:
    """What selectors may see of one draw of attempts, and what is true."""

    right: np.ndarray  # (n,)
    tried: np.ndarray
    truth: np.ndarray  # signal; NaN where unknown


def main() -> None:
    """Studies the pool and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 seeds")
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--encoder", default="tfidf")
    parser.add_argument("--plan", type=Path, help="take recorded attempts of this plan's policy from its lake")
    parser.add_argument("--lake", default="", help="another lake than the plan's")
    given = parser.parse_args()
    rows, draw, group = recorded(given.config, given.lake) if given.config else simulated()
    seeds = 4 if given.quick else SEEDS
    vectors = load_encoder(given.encoder, texts=[row["text"] for row in rows]).encode([row["text"] for row in rows])
    own = cluster(vectors, min(CLUSTERS, len(rows))).assignment
    how = "recorded" if given.config else "simulated"
    print(f"{len(rows)} problems, {how} attempts, groups of {group}, {given.budget} wanted, {seeds} seeds")
    told = {name: study(name, rows, vectors, own, draw, group, given.budget, seeds) for name in studied()}
    show(told, rows)
    where = RESULTS / f"selection_study_{how}.json"
    where.write_text(
        json.dumps(
            {"hardware": hardware(), "budget": given.budget, "seeds": seeds, "group": group, "selectors": told},
            indent=1,
        )
        + "\n"
    )


def studied() -> list[str]:
    """Every selector; mcts counts failures before the first success among the attempts, foreign reads the human level."""
    return sorted([*list_parts("selector"), *VARIANTS], key=lambda name: (name not in ("uniform", "informative"), name))


def bundled() -> list[dict[str, Any]]:
    """Text, source and human level of the 1,000 problems."""
    data = files("assay") / "data"
    rows = []
    for line in (data / "gsm8k_300.jsonl").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        rows.append({"text": one["question"], "source": "GSM8K", "level": max(1, one["answer"].count("<<"))})
    for line in (data / "svamp_300.jsonl").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        rows.append({"text": one["question"], "source": "SVAMP", "level": operators(one["Equation"])})
    rng = np.random.default_rng(0)
    for terms in rng.integers(2, 6, size=400):
        numbers = rng.integers(1, 100, size=int(terms))
        rows.append(
            {
                "text": f"State the final answer: {' + '.join(map(str, numbers))} =",
                "source": "sums",
                "level": int(terms) - 1,
            }
        )
    return rows


def operators(equation: str) -> int:
    """How many operations an equation takes.

    >>> operators("( 95.0 - ( 20.0 + 50.0 ) )")
    2
    """
    try:
        return max(1, sum(isinstance(node, ast.BinOp) for node in ast.walk(ast.parse(equation.strip(), mode="eval"))))
    except SyntaxError:
        return max(1, len(re.findall(r"[-+*/]", equation)))


def simulated() -> tuple[list[dict[str, Any]], Callable[[int], Shown], int]:
    """The bundled pool, a way to draw eight attempts at each problem, and the group size."""
    rows = bundled()
    level = np.array([row["level"] for row in rows])
    source = np.array([row["source"] for row in rows])

    def draw(seed: int) -> Shown:
        rng = np.random.default_rng(seed)
        logit = rng.normal(scale=SPREAD, size=len(rows)) - PER_LEVEL * level
        rate = np.empty(len(rows))
        for name, target in TARGET.items():
            of = source == name
            rate[of] = shifted(logit[of], target)
        return Shown(rng.binomial(8, rate), np.full(len(rows), 8), group_signal(rate, 8))

    return rows, draw, 8


def shifted(logit: np.ndarray, target: float) -> np.ndarray:
    """Rates whose mean is the target, all logits moved by one amount found by halving."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        if (1 / (1 + np.exp(-(logit + middle)))).mean() < target:
            low = middle
        else:
            high = middle
    return np.asarray(1 / (1 + np.exp(-(logit + low))))


def recorded(config: Path, where: str) -> tuple[list[dict[str, Any]], Callable[[int], Shown], int]:
    """The recorded problems, their first halves as evidence and second halves as truth, and half of the fewest attempts."""
    from assay.api import NullReporter
    from assay.core.config import read_config
    from assay.pipelines.context.run import RunContext
    from assay.stores.lake import Lake

    made = read_config(config)
    with Lake(where or made.lake, create=False) as lake, RunContext(made, lake, NullReporter()) as context:
        found = lake.rows(RECORDED, [context.engine.policy.revision, made.policy.sampler.id])
    half = min(len(row["won"]) for row in found) // 2
    won = np.array([row["won"][: 2 * half] for row in found], dtype=np.int64)
    right, later = won[:, :half].sum(axis=1), won[:, half:].sum(axis=1)
    shown = Shown(right, np.full(len(found), half), observed_signal(later, np.full(len(found), half), half))
    rows = [
        {"text": row["text"], "source": row["source"], "level": max(1, len(re.findall(r"\d+", row["text"])) - 1)}
        for row in found
    ]
    return rows, lambda _seed: shown, half


def study(
    name: str,
    rows: list[dict[str, Any]],
    vectors: np.ndarray,
    own: np.ndarray,
    draw: Callable[[int], Shown],
    group: int,
    budget: int,
    seeds: int,
) -> dict[str, Any]:
    """What one selector chose, over all seeds."""
    part = build_part("selector", name.split()[0], VARIANTS.get(name))
    level = np.array([row["level"] for row in rows])
    told, chosen = [], []
    for seed in range(seeds):
        shown = draw(seed)
        a, b = posterior(shown.right, shown.tried - shown.right)
        made = part.select(pool_of(part.needs, rows, shown, vectors, own), budget, np.random.default_rng(seed))
        kept = np.array([int(id_) for id_ in made.ids], dtype=np.int64)
        expected, true = expected_signal(a[kept], b[kept], group).mean(), np.nanmean(shown.truth[kept])
        told.append((len(kept), expected, true, expected - true, level[kept].mean(), coverage(vectors, kept).radius))
        chosen.append(kept)
    numbers = np.array(told)
    spread = 1.96 * numbers.std(axis=0, ddof=1) / seeds**0.5
    picked = np.concatenate(chosen)
    return {
        **{
            key: [float(numbers[:, i].mean()), float(spread[i])]
            for i, key in enumerate(("kept", "expected", "true", "curse", "level", "radius"))
        },
        "levels": (np.bincount(np.minimum(level[picked], 6), minlength=7)[1:] / len(picked)).tolist(),
        "sources": {
            source: float(np.mean([rows[row]["source"] == source for row in picked]))
            for source in sorted({row["source"] for row in rows})
        },
        "ids": chosen[0].tolist(),
    }


def pool_of(
    needs: tuple[str, ...], rows: list[dict[str, Any]], shown: Shown, vectors: np.ndarray, own: np.ndarray
) -> Pool:
    """The pool as one selector sees it; row numbers, padded, are the ids."""
    a, b = posterior(shown.right, shown.tried - shown.right)
    rng = np.random.default_rng(0)
    first = rng.geometric(np.clip(mean(a, b), 1e-6, 1)) - 1  # failures before the first success of a search
    known = {
        "beta_a": a,
        "beta_b": b,
        "mean": mean(a, b),
        "correct": shown.right,
        "wrong": shown.tried - shown.right,
        "truncated": 0 * shown.right,
    }
    known |= {"source": np.array([row["source"] for row in rows]), "K": np.minimum(first, 50), "censored": first >= 50}
    known |= {"difficulty": np.array([row["level"] for row in rows]), "quality": expected_signal(a, b, 8)}
    ids = tuple(f"{row:06d}" for row in range(len(rows)))
    columns = {name: known[name] for name in needs if name in known}
    return Pool(ids, columns, vectors if "vectors" in needs else None, own if "cluster" in needs else None)


def show(told: dict[str, dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    """Markdown: signal and curse, then levels and sources, then overlaps of the first seed."""
    print("\n| selector | kept | expected signal | true signal | winner's curse | radius |\n|---|---|---|---|---|---|")
    for name, row in told.items():
        cells = [f"{row[key][0]:.3f} ± {row[key][1]:.3f}" for key in ("expected", "true", "curse")]
        print(f"| {name} | {row['kept'][0]:.0f} | {' | '.join(cells)} | {row['radius'][0]:.2f} |")
    sources = list(next(iter(told.values()))["sources"])
    print(
        "\n| selector | mean level | "
        + " | ".join(f"level {n}" for n in range(1, 6))
        + " | 6 and more | "
        + " | ".join(sources)
        + " |"
    )
    print("|" + "---|" * (8 + len(sources)))
    for name, row in told.items():
        shares = [f"{share:.2f}" for share in (*row["levels"], *(row["sources"][source] for source in sources))]
        print(f"| {name} | {row['level'][0]:.2f} | {' | '.join(shares)} |")
    print(
        "\noverlap (shared / all of both, first seed)\n\n| | "
        + " | ".join(BESIDE)
        + " |\n|"
        + "---|" * (len(BESIDE) + 1)
    )
    for name, row in told.items():
        others = [set(told[other]["ids"]) for other in BESIDE]
        shared = [len(set(row["ids"]) & other) / max(1, len(set(row["ids"]) | other)) for other in others]
        print(f"| {name} | {' | '.join(f'{share:.2f}' for share in shared)} |")


if __name__ == "__main__":
    main()
