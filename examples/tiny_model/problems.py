"""Writes problems for the tiny model as JSON lines: prompt, answer, digits, task; distinct, and unseen in training where they have two digits.

    python examples/tiny_model/problems.py --each 40 > src/assay/data/recordings/tiny_problems.jsonl

A task of one digit has at most 55 (differences) or 100 problems, and the model has seen them all.
"""

import argparse
import json
from collections.abc import Iterator

import numpy as np
from arithmetic import LEVELS, OPS, draw, written

WORDS = ("sum", "difference", "product")


def problems(each: int, seed: int) -> Iterator[dict[str, object]]:
    """`each` problems of every number of digits and task, or as many as there are."""
    for level in LEVELS:
        for op in range(len(OPS)):
            rng = np.random.default_rng([seed, level, op])
            many = draw(rng, np.full(20 * each, level), np.full(20 * each, op), held_out=level > 1)
            for prompt, answer in list(dict(written(many)).items())[:each]:
                yield {"prompt": prompt, "answer": answer, "digits": level, "task": WORDS[op]}


def main() -> None:
    """Prints one problem a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=40, help="problems for every number of digits and task")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for row in problems(given.each, given.seed):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
