"""A graded toy: problems of three parts with partial credit, and a learner that gets better at what it is trained on.

Each part of a problem needs a skill, and is right with probability sigmoid(skill - difficulty); the reward is the share
of parts that are right, and an answer is correct where all three are. Most problems are far beyond the learner or long
behind it. The learner is trained by GRPO or Dr. GRPO on groups of 8, exactly: the gradient of the log-probability of its
parts times the advantage. All arms have the same tokens (attempts; all are equally long). An arm that scores pays for
4 attempts per problem first, by the scorer `pass_rate`, selects by its selector, and trains with what is left:

- uniform: no scoring, all problems, shuffled;
- correctness: `frontier` by the pass rates of correct answers alone, as if rewards were 0 and 1;
- reward: `frontier` by the graded rewards, with the signal of the objective.

Measured: the gain in mean reward on 600 held-out problems, exactly, from the learner's probabilities. Paired differences
over seeds with Student's 95% interval.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.core.types import Counts, GradedAttempts, Outcome, Pool, Score
from assay.maths.beta.reward_posterior import reward_posterior
from assay.maths.rl.evaluation import mean_interval
from assay.scorers.pass_rate import PassRate
from assay.selectors.frontier import Frontier
from benchmarks.claims import RESULTS, hardware

PARTS, SKILLS, GROUP = 3, 40, 8
PROBLEMS, HELD_OUT, BUDGET, ATTEMPTS = 600, 600, 120, 4
TOKENS = 9_600  # attempts of each arm, scoring included
GROUPS_PER_STEP, RATE = 10, {"grpo": 0.12, "dr_grpo": 0.5}  # learning rates at which both gain alike when uniform
ARMS = ("uniform", "correctness", "reward")
SEEDS = 40


@dataclass
class World:
    """Problems, and the learner."""

    rng: np.random.Generator
    skills: np.ndarray = field(init=False)  # (PROBLEMS + HELD_OUT, PARTS) which skill a part needs
    difficulty: np.ndarray = field(init=False)  # the same shape
    ability: np.ndarray = field(init=False)  # (SKILLS,) logits

    def __post_init__(self) -> None:
        n = PROBLEMS + HELD_OUT
        self.skills = self.rng.integers(0, SKILLS, (n, PARTS))
        level = self.rng.normal(2.0, 3.0, (n, 1))  # of a problem; parts differ less
        self.difficulty = level + self.rng.normal(0, 0.7, (n, PARTS))
        self.ability = np.zeros(SKILLS)

    def chances(self, rows: np.ndarray) -> np.ndarray:
        """Probability that each part is right, (m, PARTS)."""
        return 1 / (1 + np.exp(self.difficulty[rows] - self.ability[self.skills[rows]]))

    def attempt(self, rows: np.ndarray, n: int) -> np.ndarray:
        """Parts that are right, (m, n, PARTS)."""
        return self.rng.random((len(rows), n, PARTS)) < self.chances(rows)[:, None, :]

    def train(self, rows: np.ndarray, objective: str) -> None:
        """One step on a group per row."""
        right = self.attempt(rows, GROUP)  # (m, G, PARTS)
        reward = right.mean(2)  # (m, G)
        advantage = reward - reward.mean(1, keepdims=True)
        if objective == "grpo":
            advantage /= reward.std(1, ddof=1, keepdims=True) + 1e-4
        slope = (advantage[:, :, None] * (right - self.chances(rows)[:, None, :])).mean(1)  # (m, PARTS)
        np.add.at(self.ability, self.skills[rows], RATE[objective] * slope)

    def held_out(self) -> float:
        """Expected mean reward on held-out problems."""
        return float(self.chances(np.arange(PROBLEMS, PROBLEMS + HELD_OUT)).mean())


@dataclass
class Attempts:
    """Evidence in memory (`core.ports.RolloutProvider`, `RewardProvider`): attempts of the learner as it is."""

    world: World
    right: dict[str, np.ndarray] = field(default_factory=dict)

    reward_bounds = (0.0, 1.0)

    def draw(self, n_attempts: Mapping[str, int]) -> Mapping[str, Counts]:
        rows = np.array([int(id_) for id_ in n_attempts])
        drawn = self.world.attempt(rows, max(n_attempts.values()))
        self.right = dict(zip(n_attempts, drawn, strict=True))
        solved = {id_: int(parts.all(1).sum()) for id_, parts in self.right.items()}
        return {id_: Counts(k, len(self.right[id_]) - k) for id_, k in solved.items()}

    def attempt_rewards(self, n_attempts: Mapping[str, int]) -> Mapping[str, GradedAttempts]:
        return {id_: GradedAttempts("toy", self._rewards(id_)) for id_ in n_attempts}

    def _rewards(self, id_: str) -> tuple[tuple[float, Outcome], ...]:
        return tuple((round(float(p.mean()), 6), "correct" if p.all() else "wrong") for p in self.right[id_])


def selected(world: World, arm: str, objective: str) -> np.ndarray:
    """Rows that an arm trains on."""
    if arm == "uniform":
        return np.arange(PROBLEMS)
    ids = [f"{row:04d}" for row in range(PROBLEMS)]
    scores = PassRate(n=ATTEMPTS).score(ids, Attempts(world))
    kind = "mixed" if objective == "grpo" else "sd"
    pool = Pool(tuple(ids), columns(scores, graded=arm == "reward"))
    chosen = Frontier(group_size=GROUP, cluster_quota="none", signal=kind).select(pool, BUDGET, world.rng)
    return np.array([int(id_) for id_ in chosen.ids])


def columns(scores: Sequence[Score], *, graded: bool) -> dict[str, Any]:
    """A pool's columns, as the pipeline makes them."""
    a, b = (np.array([getattr(score, name) for score in scores]) for name in ("beta_a", "beta_b"))
    if not graded:
        return {"beta_a": a, "beta_b": b}
    posterior = reward_posterior([score.rewards or () for score in scores], ["toy"] * len(scores), a, b)
    table = np.stack([posterior.values, posterior.weights, posterior.correct.astype(float)], axis=2)
    return {"beta_a": a, "beta_b": b, "rewards": table}


def gain(seed: int, arm: str, objective: str) -> float:
    """Gain of one run, on problems and a learner that all arms of a seed share."""
    world = World(np.random.default_rng((seed, 0)))
    world.rng = np.random.default_rng((seed, 1, ARMS.index(arm)))
    before, rows = world.held_out(), selected(world, arm, objective)
    left = TOKENS - (0 if arm == "uniform" else ATTEMPTS * PROBLEMS)
    queue = np.empty(0, dtype=np.int64)
    for _ in range(left // (GROUP * GROUPS_PER_STEP)):
        if len(queue) < GROUPS_PER_STEP:
            queue = np.concatenate([queue, world.rng.permutation(rows)])
        world.train(queue[:GROUPS_PER_STEP], objective)
        queue = queue[GROUPS_PER_STEP:]
    return world.held_out() - before


def study(seeds: int) -> list[dict[str, Any]]:
    """One row per objective and arm: mean gain, and the paired difference to uniform with its interval."""
    rows = []
    for objective in RATE:
        gains = {arm: np.array([gain(seed, arm, objective) for seed in range(seeds)]) for arm in ARMS}
        for arm in ARMS:
            mean, low, high = mean_interval(gains[arm] - gains["uniform"], bounds=None)
            rows.append(
                {
                    "objective": objective,
                    "arm": arm,
                    "gain": float(gains[arm].mean()),
                    "over": mean,
                    "low": low,
                    "high": high,
                }
            )
    return rows


def main() -> None:
    """Runs the study and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="8 seeds in place of 40")
    seeds = 8 if parser.parse_args().quick else SEEDS
    rows = study(seeds)
    print("| objective | arm | gain in held-out mean reward | over uniform, 95% interval |\n|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['objective']} | {row['arm']} | {row['gain']:.4f} | {row['over']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}] |"
        )
    print(f"\n{seeds} seeds; {hardware()}")
    RESULTS.mkdir(exist_ok=True)
    content = {
        "seeds": seeds,
        "tokens": TOKENS,
        "problems": PROBLEMS,
        "budget": BUDGET,
        "hardware": hardware(),
        "rows": rows,
    }
    (RESULTS / "graded_selection.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
