"""Near-duplicates as `filters/near.py` defines them, on planted sets, beside datasketch's MinHash LSH with the same checks.

The planted set is n problems of about 80 words, made of the bundled problems' sentences with fresh numbers; a tenth are copies (1, 2 or 3
unprotected words replaced, inserted or removed) and a tenth are twins (one number changed). With --data or ASSAY_DATA, `math/train.json` gives a
pool with LaTeX. Each planted pair is checked by the definition itself before it counts. The peer is measured where datasketch is installed.
"""

import argparse
import importlib.util
import json
import os
import random
import re
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.core.ports import Bench
from assay.core.types import Problem
from assay.filters.near import Near
from assay.maths.protected import PUBLISHED, plain, protected
from assay.maths.shingles import jaccard, shingles
from assay.sources.files import Files
from benchmarks.claims import Claim, publish

FULL, QUICK, WORDS = 100_000, 20_000, 80
BAR = 0.99  # stands in the peer's column where there is no peer
NEW = [f"{head}{tail}" for head in ("brin", "dol", "fen", "gar", "lum", "mor", "pel", "tas") for tail in ("del", "kish", "low", "nar", "vey")]


@dataclass
class Planted:
    """Texts, and what was planted among them."""

    texts: list[str]
    copies: dict[int, tuple[int, int]] = field(default_factory=dict)  # row -> (row of the original, words changed)
    twins: dict[int, int] = field(default_factory=dict)  # row -> row of the original


def main() -> None:
    """Measures both pools and prints the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} problems")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASSAY_DATA", "")))
    given = parser.parse_args()
    n, rng = QUICK if given.quick else FULL, random.Random(5)
    pools = {"prose": plant(prose(n * 8 // 10, rng), n // 10, rng)}
    if (given.data / "math" / "train.json").is_file():
        pools["LaTeX"] = plant(latex(given.data / "math" / "train.json"), 700, rng)
    claims = [claim for name, planted in pools.items() for claim in measured(name, planted, FULL if name == "prose" else len(planted.texts))]
    publish("clean", claims)


def prose(n: int, rng: random.Random) -> list[str]:
    """n texts of about 80 words: real sentences, with every number drawn anew."""
    found = Files(paths=("package:gsm8k_300.jsonl", "package:svamp_300.jsonl"), prompt="question").read()
    texts = [each[0].text for each in found if isinstance(each, tuple)]
    sentences = sorted({sentence for text in texts for sentence in re.split(r"(?<=[.?!])\s+", text) if len(sentence.split()) > 3})
    made = []
    for _ in range(n):
        words: list[str] = []
        while len(words) < WORDS:
            words += re.sub(r"\d+", lambda _: str(rng.randrange(2, 1000)), rng.choice(sentences)).split()
        made.append(" ".join(words[:WORDS]))
    return made


def latex(path: Path) -> list[str]:
    """The problems of MATH with at least 30 words."""
    return sorted({row["problem"] for row in json.loads(path.read_text(encoding="utf-8")) if len(row["problem"].split()) >= 30})


def plant(bases: list[str], each: int, rng: random.Random) -> Planted:
    """The bases with `each` copies and `each` twins of different bases."""
    planted, rows = Planted(list(bases)), rng.sample(range(len(bases)), min(2 * each, len(bases)))
    for at, row in enumerate(rows[:each]):
        if copy := reworded(bases[row], 1 + at % 3, rng):
            planted.copies[len(planted.texts)] = (row, 1 + at % 3)
            planted.texts.append(copy)
    for row in rows[each:]:
        if numbers := list(re.finditer(r"\d+", bases[row])):
            spot = rng.choice(numbers)
            planted.twins[len(planted.texts)] = row
            planted.texts.append(f"{bases[row][: spot.start()]}{int(spot[0]) + 1}{bases[row][spot.end() :]}")
    return planted


def reworded(text: str, words: int, rng: random.Random) -> str:
    """The text with so many free words replaced, inserted or removed; "" where that leaves no near-duplicate by definition."""
    for _ in range(20):
        parts = text.split(" ")
        for _ in range(words):
            free = [at for at, part in enumerate(parts) if re.fullmatch(r"[a-z]{3,}", part) and part not in PUBLISHED]
            if not free:
                return ""
            at, kind = rng.choice(free), rng.randrange(3)
            parts[at : at + 1] = [[rng.choice(NEW)], [parts[at], rng.choice(NEW)], []][kind]
        copy = " ".join(parts)
        if copy != text and is_near(text, copy):
            return copy
    return ""


def is_near(one: str, other: str) -> bool:
    """The definition, on two texts."""
    one, other = plain(one), plain(other)
    return protected(one) == protected(other) and jaccard(shingles(one), shingles(other)) >= 0.7


def measured(name: str, planted: Planted, full: int) -> list[Claim]:
    """Recall by words changed, precision, twins, time, memory."""
    problems = [Problem.of(text) for text in planted.texts]
    n, row_of = len(problems), {problem.id: row for row, problem in enumerate(problems)}
    began = time.perf_counter()
    drops = Near().sift(problems, {}, Bench())
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    pairs = [(row_of[drop.problem_id], row_of[drop.detail.split()[-1]]) for drop in drops]
    rows = {row for row, _ in pairs}
    theirs = datasketch_near(planted.texts) if importlib.util.find_spec("datasketch") else None
    claims = []
    for words in (1, 2, 3):
        wanted = [(row, base) for row, (base, changed) in planted.copies.items() if changed == words]
        ours = sum(bool({row, base} & rows) for row, base in wanted) / len(wanted)
        peers = sum(bool({row, base} & theirs[0]) for row, base in wanted) / len(wanted) if theirs else BAR
        claims.append(Claim(f"{name}: recall of copies with {words} words changed", ours, peers, ours, ">= 0.99", ours >= 0.99, "share", n, full))
    right = sum(is_near(planted.texts[row], planted.texts[base]) for row, base in pairs) / max(len(pairs), 1)
    claims.append(
        Claim(f"{name}: precision, each reported pair checked by definition", right, 1.0, right, ">= 0.99", right >= 0.99, "share", n, full)
    )
    reported = {frozenset(pair) for pair in pairs}
    falsely = sum(frozenset(pair) in reported for pair in planted.twins.items())
    share = falsely / max(len(planted.twins), 1)
    claims.append(Claim(f"{name}: twins reported", share, 0.0, share, "<= 0.001", share <= 0.001, "share", n, full))
    if name == "prose":  # the first pool: later peaks would include the peer's
        claims.append(Claim(f"{name}: peak memory beside the bound", peak, 2.5, peak / 2.5, "< 1", peak < 2.5, "GiB", n, full))
    if theirs:
        ratio = theirs[1] / seconds
        claims.append(
            Claim(
                f"{name}: end to end beside datasketch with the same checks",
                n / seconds,
                n / theirs[1],
                ratio,
                ">= 3",
                ratio >= 3,
                "problems/s",
                n,
                full,
            )
        )
    else:
        print("datasketch is not installed: no peer in this run (pip install datasketch)")
    return claims


def datasketch_near(texts: Sequence[str]) -> tuple[set[int], float]:
    """Rows that the peer's pipeline reports, and its seconds: 128 permutations, LSH at 0.5, then the two exact checks."""
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found]

    began = time.perf_counter()
    index, kept, rows = MinHashLSH(threshold=0.5, num_perm=128), dict[int, tuple[tuple[str, ...], frozenset[tuple[str, ...]]]](), set[int]()
    for row, text in enumerate(map(plain, texts)):
        sequence, own = protected(text), shingles(text)
        sketch = MinHash(num_perm=128)
        sketch.update_batch([" ".join(shingle).encode() for shingle in own])
        if any(kept[other][0] == sequence and jaccard(own, kept[other][1]) >= 0.7 for other in index.query(sketch)):
            rows.add(row)
            continue
        kept[row] = (sequence, own)
        index.insert(row, sketch)
    return rows, time.perf_counter() - began


if __name__ == "__main__":
    main()
