"""100,000 training problems against two benchmarks: seconds with vectors given, and precision and recall on planted repeats and hard negatives.

With --data or ASSAY_DATA the benchmarks are GSM8K test and MATH-500, and the pool begins with the real train sets; otherwise both are made of
the bundled problems. The rest of the pool are train problems with every number drawn anew. Planted positives: a benchmark problem as it is, inside
other text, with 1 to 3 words changed, with its sentences turned around. Hard negatives: a benchmark problem with one number changed, or with two
numbers exchanged. Vectors are planted too: one random direction a base problem, and all that is made from it lies within a cosine of about .96,
negatives included, so that the encoder separates nothing. The peer is the common rule: one shared 8-gram of words is contamination.
"""

import argparse
import json
import os
import random
import re
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from assay.core.ports import Bench
from assay.core.types import Problem
from assay.embedding.neighbours import FaissNeighbours
from assay.filters.contaminated import Contaminated
from assay.maths.protected import plain
from assay.maths.shingles import shingles
from benchmarks.claims import Claim, publish
from benchmarks.clean import prose, reworded

FULL, QUICK, EACH, DIMS, NOISE = 100_000, 20_000, 300, 384, 0.2
KINDS = ("verbatim", "inside", "words", "turned")


class Given:
    """Vectors by text: those of one base problem are near each other, whatever changed."""

    revision = "given"

    def __init__(self, base: dict[str, str]) -> None:
        self.base = base

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit rows, (n, d)."""
        rows = np.stack([self._direction(self.base[text]) + NOISE * self._direction(text + "\0") for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def _direction(self, text: str) -> np.ndarray:
        row = np.random.default_rng(hash_of(text)).normal(size=DIMS)
        return row / np.linalg.norm(row)


def hash_of(text: str) -> int:
    """A seed that is the same in every process."""
    return int(Problem.of(text).id[:12], 16)


def main() -> None:
    """Plants, sifts, and prints the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} problems")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASSAY_DATA", "")))
    given = parser.parse_args()
    n, rng = QUICK if given.quick else FULL, random.Random(5)
    train, tests = real(given.data) if (given.data / "math" / "math500.jsonl").is_file() else bundled(rng)
    flat = sorted({text for texts in tests.values() for text in texts})
    base = {text: text for text in (*train, *flat)}
    positives, negatives = planted(flat, rng, base)
    while len(base) < n + len(flat):
        source = rng.choice(train)
        base.setdefault(renumbered(source, rng), source)
    pool = [Problem.of(text) for text in base if text not in set(flat) or text in positives]
    publish("contamination", measured(pool, tests, positives, negatives, base))


def real(data: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The train problems of GSM8K and MATH, and the two benchmarks."""

    def lines(name: str, key: str) -> list[str]:
        return [json.loads(line)[key] for line in (data / name).read_text(encoding="utf-8").splitlines()]

    train = lines("gsm8k/train.jsonl", "question") + [row["problem"] for row in json.loads((data / "math/train.json").read_text(encoding="utf-8"))]
    return sorted(set(train)), {"GSM8K test": lines("gsm8k/test.jsonl", "question"), "MATH-500": lines("math/math500.jsonl", "problem")}


def bundled(rng: random.Random) -> tuple[list[str], dict[str, list[str]]]:
    """The same shape, made of the bundled problems' sentences."""
    texts = prose(4000, rng)
    return texts[1800:], {"made": texts[:1800]}


def planted(tests: list[str], rng: random.Random, base: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Positives with their kind, and negatives with theirs; each with its base."""
    positives, negatives = dict[str, str](), dict[str, str]()
    long = [text for text in tests if len(text.split()) >= 12]
    for kind in KINDS:
        for text in rng.sample(long, min(EACH, len(long))):
            sentences = re.split(r"(?<=[.?!])\s+", text)
            made = {
                "verbatim": text,
                "inside": f"Solve this carefully and show every step of your work. {text} Put the result on a line of its own.",
                "words": reworded(text, rng.randrange(1, 4), rng),
                "turned": " ".join(reversed(sentences)) if len(sentences) > 1 else "",
            }[kind]
            if made and (made not in base or kind == "verbatim"):
                positives[made], base[made] = kind, text
    for kind, change in (("one number changed", one_more), ("two numbers exchanged", exchanged)):
        for text in rng.sample(long, min(3 * EACH, len(long))):
            made = change(text, rng)
            if made and made not in base:
                negatives[made], base[made] = kind, text
    return positives, negatives


def one_more(text: str, rng: random.Random) -> str:
    """The text with one number larger by 1; "" where it has none."""
    numbers = list(re.finditer(r"\d+", text))
    if not numbers:
        return ""
    spot = rng.choice(numbers)
    return f"{text[: spot.start()]}{int(spot[0]) + 1}{text[spot.end() :]}"


def exchanged(text: str, rng: random.Random) -> str:
    """The text with two different numbers in each other's place, where different words follow them; "" where it has none."""
    numbers = list(re.finditer(r"(?<![\d.,])\d+(?![\d.,]) ([a-z]+)", text))
    pairs = [(one, other) for one, other in combinations(numbers, 2) if one[0].split()[0] != other[0].split()[0] and one[1] != other[1]]
    if not pairs:
        return ""
    one, other = rng.choice(pairs)
    first, second = one[0].split()[0], other[0].split()[0]
    between = text[one.start() + len(first) : other.start()]
    return f"{text[: one.start()]}{second}{between}{first}{text[other.start() + len(second) :]}"


def renumbered(text: str, rng: random.Random) -> str:
    """The text with every number drawn anew, and a fresh mark where it has none."""
    made = re.sub(r"\d+", lambda _: str(rng.randrange(2, 10_000)), text)
    return made if made != text else f"{text} (Problem {rng.randrange(10**6)})"


def measured(
    pool: list[Problem], tests: dict[str, list[str]], positives: dict[str, str], negatives: dict[str, str], base: dict[str, str]
) -> list[Claim]:
    """Seconds, recall by kind, precision, hard negatives reported; the 8-gram rule beside them."""
    held = {name: [Problem.of(text) for text in texts] for name, texts in tests.items()}
    coder = Given(base)
    vectors = dict(zip(base, coder.encode(list(base)), strict=True))

    class Made:
        revision = "given"

        def encode(self, texts: Sequence[str]) -> np.ndarray:
            return np.stack([vectors[text] for text in texts])

    bench = Bench(encoder=Made(), neighbours=FaissNeighbours(), benchmarks=held)
    began = time.perf_counter()
    drops = Contaminated().sift(pool, {}, bench)
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    grams = {gram for texts in tests.values() for text in texts for gram in shingles(plain(text), 8) if len(gram) == 8}
    theirs = {problem.text for problem in pool if not shingles(plain(problem.text), 8).isdisjoint(grams)}
    peer_s = time.perf_counter() - began
    by_id = {problem.id: problem.text for problem in pool}
    ours, n = {by_id[drop.problem_id] for drop in drops}, len(pool)
    claims = [Claim("contamination, vectors given, beside one shared 8-gram", seconds, peer_s, seconds / 30, "< 30 s", seconds < 30, "s", n, FULL)]
    for kind in KINDS:
        wanted = {text for text, each in positives.items() if each == kind}
        share, other = len(wanted & ours) / len(wanted), len(wanted & theirs) / len(wanted)
        claims.append(Claim(f"recall of repeats: {kind} ({len(wanted)})", share, other, share, ">= 0.95", share >= 0.95, "share", n, FULL))
    right, other = (len(found & positives.keys()) / max(len(found), 1) for found in (ours, theirs))
    claims.append(Claim("precision over the whole pool", right, other, right, ">= 0.95", right >= 0.95, "share", n, FULL))
    for kind in dict.fromkeys(negatives.values()):
        wanted = {text for text, each in negatives.items() if each == kind}
        share, other = (len(found & wanted) / len(wanted) for found in (ours, theirs))
        claims.append(Claim(f"hard negatives reported: {kind} ({len(wanted)})", share, other, share, "<= 0.01", share <= 0.01, "share", n, FULL))
    for text in sorted(ours - positives.keys())[:10]:
        print("reported, not planted:", text[:160].replace("\n", " "))
    for text in sorted(positives.keys() - ours)[:10]:
        print("planted, not reported:", positives[text], text[:160].replace("\n", " "))
    return claims


if __name__ == "__main__":
    main()
