"""Writes a small lake with whatever code of the package is imported: run once with the last version that wrote a format, and zip the folder.

    PYTHONPATH=src python make_lakes.py FOLDER        # of the tree that writes the format

Two problems of two sources, six attempts in two commits, a ledger line; from format 2 on a compaction stands for the first two commits. In format 3
the last commit holds rows of every table and column whose name has changed since (`format3.zip`: the tree of 2d77bce).
"""

import sys
from pathlib import Path

from assay.stores.commits.manifest import FORMAT
from assay.stores.lake import Lake

OUTCOMES = {"c": "correct", "w": "wrong", "t": "truncated"}


def attempts(problem: str, outcomes: str) -> dict:
    """Rollouts, texts and verdicts of one problem."""
    rollouts, texts, verdicts = [], [], []
    for sample, outcome in enumerate(outcomes):
        id_ = f"{problem}-{sample}"
        rollouts.append(
            {
                "id": id_,
                "problem_id": problem,
                "policy": "rev",
                "policy_name": "old",
                "sampler": "s",
                "sample": sample,
                "seed": 1,
                "tokens": 3,
                "prompt_tokens": 2,
                "finish": "stop",
                "engine": "scripted",
                "guided": False,
            }
        )
        texts.append({"id": id_, "text": f"text of {id_}"})
        verdicts.append(
            {
                "id": f"v-{id_}",
                "rollout_id": id_,
                "label_id": f"l-{problem}",
                "verifier": "math",
                "version": "1",
                "extracted": "4",
                "reason": "",
                "outcome": OUTCOMES[outcome],
                "reward": float(outcome == "c"),
            }
        )
    return {"rollouts": rollouts, "texts": texts, "verdicts": verdicts}


def renamed() -> dict:
    """One row of each table that had another name, or columns of other names, under the names of then."""
    score = {"scoring": "s", "problem_id": "a", "scorer": "pass_rate", "policy": "rev", "sampler": "s", "value": 0.6}
    counts = {"correct": 1, "wrong": 2, "truncated": 3, "error": 4}
    return {
        "samplers": [{"id": "s", "settings": "{}"}],
        "members": [{"id": "m", "pool": "p", "problem_id": "a", "label_id": "l-a"}],
        "lessons": [{"id": "c", "curriculum": "k", "lesson": 0, "position": 0, "passes": 1, "problem_id": "a"}],
        "train_log": [{"id": "t", "training": "k", "step": 0, "name": "reward", "value": 0.5, "policy": "rev"}],
        "scores": [{"id": "1", **score, **counts, "post_a": 1.5, "post_b": 2.5, "censored": False}],
        "searches": [{"id": "2", "scoring": "s", "problem_id": "a", "policy": "rev", "sampler": "s"}],
        "selections": [{"id": "3", "selection": "k", "problem_id": "a", "kept": True, "weight": 1.0, "reason": ""}],
        "clusters": [{"id": "4", "clustering": "k", "problem_id": "a", "cluster": 0, "similarity": 1.0}],
        "curriculum_state": [{"id": "5", "training": "k", "step": 0, "arm": "easy"}],
    }


def main(folder: Path) -> None:
    """The lake."""
    with Lake(folder) as lake:
        problems = [{"id": each, "source": f"source-{each}", "characters": 7} for each in "ab"]
        labels = [
            {"id": f"l-{each}", "problem_id": each, "answer": "4", "verifier": "math", "origin": "gold"}
            for each in "ab"
        ]
        lake.append({"problems": problems, "labels": labels}, run="r1")
        lake.append(attempts("a", "cwt"), run="r1")
        try:
            from assay.stores.maintenance.compaction import compact

            compact(lake, run="r2")
        except ImportError:  # format 1 had no compaction
            pass
        lake.append({**attempts("b", "ccw"), "stages": [{"id": "k", "stage": "score", "key": "k"}]}, run="r3")
        if FORMAT == 3:
            lake.append(renamed(), run="r4")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
