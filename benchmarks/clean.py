"""Near-duplicates as `filters/near.py` defines them, on planted sets, beside datasketch with the same checks, datatrove and semhash.

The planted set is n problems of 80 words, made of the bundled problems' sentences with fresh numbers; a tenth are copies (1, 2 or 3 unprotected
words replaced, inserted or removed) and a tenth are twins (one number changed). With --data or ASSAY_DATA, `math/train.json` gives a pool with
LaTeX. The generator is checked by an exact join that shares no code with the filter: every pair of the same protected tokens is compared,
all that it finds and nobody planted leaves the pool, and a plan that it does not find is an error.

Peers run where they are installed, `pip install datasketch datatrove semhash "xxhash<4"` (a folder on PYTHONPATH will do): datasketch with 128
permutations, LSH at .5 and the filter's own two checks on its candidates; datatrove's MinHash, numbers kept, shingles of 3 words, 14 buckets of
8; semhash at .9 over TF-IDF vectors, for its own model lies on a hub. Each way is a process of its own, kept in --scratch.
"""

import argparse
import importlib.util
import itertools
import json
import os
import random
import re
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assay.core.ports import FilterContext
from assay.core.types import Problem
from assay.filters.near import Near
from assay.maths.text.invariant_tokens import PUBLISHED, comparison_form, protected_tokens
from assay.maths.text.shingles import jaccard, shingles
from assay.sources.files import Files
from benchmarks._pieces import LATER, Numbers, measured, name, resident_mib
from benchmarks.claims import Claim, publish

FULL, QUICK, WORDS = 100_000, 20_000, 80
PEERS = ("datasketch", "datatrove", "semhash")
NEW = [
    f"{head}{tail}"
    for head in ("brin", "dol", "fen", "gar", "lum", "mor", "pel", "tas")
    for tail in ("del", "kish", "low", "nar", "vey")
]


@dataclass
class Planted:
    """Texts, and what was planted among them."""

    texts: list[str]
    copies: dict[int, tuple[int, int]] = field(default_factory=dict)  # row -> (row of the original, words changed)
    twins: dict[int, int] = field(default_factory=dict)  # row -> row of the original


def main() -> None:
    """Measures what --scratch lacks and prints the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} problems")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASSAY_DATA", "")))
    parser.add_argument("--scratch", type=Path, help="where pools and finished measurements are kept")
    parser.add_argument(
        "--limit-s",
        type=float,
        default=float("inf"),
        help=f"begin no measurement after so many seconds, and exit {LATER}",
    )
    parser.add_argument("--piece", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.piece:
        print(json.dumps(piece(given.data, given.scratch, **given.piece)))
        return
    with tempfile.TemporaryDirectory() as folder:
        scratch = given.scratch or Path(folder)
        scratch.mkdir(parents=True, exist_ok=True)
        wanted = list(pieces(QUICK if given.quick else FULL, latex=(given.data / "math" / "train.json").is_file()))
        kept = measured("clean", scratch, wanted, data=given.data, limit_s=given.limit_s)
        publish(
            "clean",
            [claim for pool in dict.fromkeys(each["pool"] for each in wanted) for claim in claims(pool, wanted, kept)],
        )


def pieces(n: int, *, latex: bool) -> Iterator[dict[str, Any]]:
    """What is to be measured: each way on each pool, the pools' own check first."""
    pools = [("prose", n), *([("LaTeX", 0)] if latex else [])]
    for pool, size in pools:
        for way in ("generator", "ours", *(peer for peer in PEERS if importlib.util.find_spec(peer))):
            yield {"way": way, "pool": pool, "n": size}


def piece(data: Path, scratch: Path, way: str, pool: str, n: int) -> Numbers:
    """How much of what was planted a way reports, how much else, its seconds and the peak of its process."""
    file = scratch / f"planted-{pool}-{n}.json"
    if way == "generator":
        began = time.perf_counter()
        planted, strays = checked(plant(pool, n, data))
        file.write_text(json.dumps(asdict(planted)))
        return {
            "rows": len(planted.texts),
            "copies": len(planted.copies),
            "twins": len(planted.twins),
            "strays": strays,
        } | {"seconds": time.perf_counter() - began}
    read = json.loads(file.read_text())
    copies = {int(row): tuple(pair) for row, pair in read["copies"].items()}
    planted = Planted(read["texts"], copies, {int(row): base for row, base in read["twins"].items()})
    began = time.perf_counter()
    rows = WAYS[way](planted.texts)
    return {"seconds": time.perf_counter() - began, "peak_gib": resident_mib("VmHWM") / 1024} | scored(planted, rows)


def scored(planted: Planted, rows: set[int]) -> Numbers:
    """Recall by words changed, precision, and the share of twins of which one leaves, from the rows that a way would drop."""
    found = {}
    for words in (1, 2, 3):
        wanted = [{row, base} for row, (base, changed) in planted.copies.items() if changed == words]
        found[f"recall_{words}"] = sum(bool(pair & rows) for pair in wanted) / len(wanted)
    right = {row for row, (base, _) in planted.copies.items()} | {base for base, _ in planted.copies.values()}
    found["precision"] = len(rows & right) / max(len(rows), 1)
    found["twins"] = sum(bool({row, base} & rows) for row, base in planted.twins.items()) / max(len(planted.twins), 1)
    return found


def plant(pool: str, n: int, data: Path) -> Planted:
    """The pool with its copies and twins, each of a base of its own."""
    rng = random.Random(5)
    if pool == "prose":
        return planted_in(prose(n * 8 // 10, rng), n // 10, rng)
    return planted_in(latex(data / "math" / "train.json"), 700, rng)


def prose(n: int, rng: random.Random) -> list[str]:
    """n texts of about 80 words: real sentences, with every number drawn anew."""
    found = Files(paths=("package:gsm8k_300.jsonl", "package:svamp_300.jsonl"), prompt="question").read()
    texts = [each[0].text for each in found if isinstance(each, tuple)]
    sentences = sorted(
        {sentence for text in texts for sentence in re.split(r"(?<=[.?!])\s+", text) if len(sentence.split()) > 3}
    )
    made = []
    for _ in range(n):
        words: list[str] = []
        while len(words) < WORDS:
            words += re.sub(r"\d+", lambda _: str(rng.randrange(2, 1000)), rng.choice(sentences)).split()
        made.append(" ".join(words[:WORDS]))
    return made


def latex(path: Path) -> list[str]:
    """The problems of MATH with at least 30 words."""
    return sorted(
        {row["problem"] for row in json.loads(path.read_text(encoding="utf-8")) if len(row["problem"].split()) >= 30}
    )


def planted_in(bases: list[str], each: int, rng: random.Random) -> Planted:
    """The bases with `each` copies and `each` twins of different bases, as far as they allow it."""
    planted, rows = Planted(list(bases)), rng.sample(range(len(bases)), len(bases))
    at = 0
    while rows and len(planted.copies) < each:
        row, words = rows.pop(), 1 + at % 3
        if copy := reworded(bases[row], words, rng):
            planted.copies[len(planted.texts)] = (row, words)
            planted.texts.append(copy)
            at += 1
    while rows and len(planted.twins) < each:
        row = rows.pop()
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
    one, other = comparison_form(one), comparison_form(other)
    return protected_tokens(one) == protected_tokens(other) and jaccard(shingles(one), shingles(other)) >= 0.7


def checked(planted: Planted) -> tuple[Planted, int]:
    """The pool without rows of near pairs that nobody planted, and how many those were.

    Raises:
        RuntimeError: a copy is no near-duplicate of its base, or a twin is one.
    """
    found, copies = joined(planted.texts), {frozenset((row, base)) for row, (base, _) in planted.copies.items()}
    twins = {frozenset(pair) for pair in planted.twins.items()}
    if copies - found or twins & found:
        raise RuntimeError(
            f"{len(copies - found)} of {len(copies)} copies are none, {len(twins & found)} of {len(twins)} twins are copies"
        )
    strays = {row for pair in found - copies for row in pair}
    gone = strays | {row for pair in copies | twins for row in pair if pair & strays}
    number = {row: at for at, row in enumerate(row for row in range(len(planted.texts)) if row not in gone)}
    kept = Planted([text for row, text in enumerate(planted.texts) if row not in gone])
    kept.copies = {
        number[row]: (number[base], words) for row, (base, words) in planted.copies.items() if row not in gone
    }
    kept.twins = {number[row]: number[base] for row, base in planted.twins.items() if row not in gone}
    return kept, len(strays)


def joined(texts: Sequence[str]) -> set[frozenset[int]]:
    """Every pair of rows that the definition calls near-duplicates: all pairs within each sequence of protected tokens, no index, no signature."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, text in enumerate(map(comparison_form, texts)):
        groups.setdefault(protected_tokens(text), []).append(row)
    found = set()
    for rows in groups.values():
        held = {row: shingles(comparison_form(texts[row])) for row in rows} if len(rows) > 1 else {}
        found |= {
            frozenset(pair) for pair in itertools.combinations(rows, 2) if jaccard(held[pair[0]], held[pair[1]]) >= 0.7
        }
    return found


def ours(texts: Sequence[str]) -> set[int]:
    """Rows that the filter drops."""
    problems = [Problem.of(text) for text in texts]
    row_of = {problem.id: row for row, problem in enumerate(problems)}
    return {row_of[drop.problem_id] for drop in Near().sift(problems, {}, FilterContext())}


def datasketch(texts: Sequence[str]) -> set[int]:
    """Rows near an earlier kept one among LSH's candidates, by the same two checks."""
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found]

    index, kept, rows = (
        MinHashLSH(threshold=0.5, num_perm=128),
        dict[int, tuple[tuple[str, ...], frozenset[tuple[str, ...]]]](),
        set[int](),
    )
    for row, text in enumerate(map(comparison_form, texts)):
        sequence, own = protected_tokens(text), shingles(text)
        sketch = MinHash(num_perm=128)
        sketch.update_batch([" ".join(shingle).encode() for shingle in own])
        if any(kept[other][0] == sequence and jaccard(own, kept[other][1]) >= 0.7 for other in index.query(sketch)):
            rows.add(row)
            continue
        kept[row] = (sequence, own)
        index.insert(row, sketch)
    return rows


def datatrove(texts: Sequence[str]) -> set[int]:
    """Rows that its third stage removes: all but one of each connected set."""
    from datatrove.data import Document  # type: ignore[import-not-found]
    from datatrove.pipeline.dedup import minhash  # type: ignore[import-not-found]
    from datatrove.utils.text import TextNormConfig  # type: ignore[import-not-found]

    config = minhash.MinhashConfig(n_grams=3, norm_config=TextNormConfig(norm_numbers=False))
    with tempfile.TemporaryDirectory() as folder:
        signs = minhash.MinhashDedupSignature(f"{folder}/signatures", config)
        signs.word_tokenizer = Blanks()  # its texts are simplified by then, and spaCy would cost it time
        signs.run((Document(text=text, id=str(row)) for row, text in enumerate(texts)), 0, 1)
        for bucket in range(config.num_buckets):
            minhash.MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config).run(
                None, bucket, config.num_buckets
            )
        minhash.MinhashDedupCluster(f"{folder}/buckets", f"{folder}/removed", config=config).run(None, 0, 1)
        removed = (Path(folder) / "removed" / "000000.remove").read_bytes()
    return {row for (row,) in struct.iter_unpack("<I", removed)}


class Blanks:
    """Words between blanks, as datatrove asks for them."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()


def semhash(texts: Sequence[str]) -> set[int]:
    """Rows that it filters at its own threshold of .9."""
    from semhash import SemHash  # type: ignore[import-not-found]

    from assay.embedding.tfidf import Tfidf

    class Coder:
        def __init__(self) -> None:
            self.behind = Tfidf(tuple(sorted(set(texts))))

        def encode(self, inputs: Sequence[str], **_: Any) -> Any:
            return self.behind.encode(list(inputs))

    row_of = {text: row for row, text in enumerate(texts)}
    found = SemHash.from_records(list(texts), model=Coder()).self_deduplicate(threshold=0.9)
    return {row_of[each.record] for each in found.filtered}


WAYS: dict[str, Callable[[Sequence[str]], set[int]]] = {
    "ours": ours,
    "datasketch": datasketch,
    "datatrove": datatrove,
    "semhash": semhash,
}


def claims(pool: str, wanted: Sequence[dict[str, Any]], kept: dict[str, Numbers]) -> list[Claim]:
    """The bars for ours, datasketch beside them; then what the other peers report, without a bar."""
    found = {each["way"]: kept[name(each)] for each in wanted if each["pool"] == pool}
    us, n, bar = found["ours"], int(found["generator"]["rows"]), BARS
    full = FULL if pool == "prose" else n
    peer = found.get("datasketch", {})
    rows = []
    for key, (told, sign, limit) in bar.items():
        holds = us[key] >= limit if sign == ">=" else us[key] <= limit
        rows.append(
            Claim(f"{pool}: {told}", us[key], peer.get(key, limit), us[key], f"{sign} {limit}", holds, "share", n, full)
        )
    peak = us["peak_gib"]
    rows.append(
        Claim(f"{pool}: peak memory beside the bound", peak, 2.5, peak / 2.5, "< 1", peak < 2.5, "GiB", n, full)
    )
    for other in (each for each in PEERS if each in found):
        ratio, checks = (
            found[other]["seconds"] / us["seconds"],
            " with the same checks" if other == "datasketch" else "",
        )
        must, holds = (">= 3", ratio >= 3) if other == "datasketch" else ("", True)
        rows.append(
            Claim(
                f"{pool}: end to end beside {other}{checks}",
                n / us["seconds"],
                n / found[other]["seconds"],
                ratio,
                must,
                holds,
                "problems/s",
                n,
                full,
            )
        )
        if other != "datasketch":
            rows += [
                Claim(
                    f"{pool}: {told}, beside {other}", us[key], found[other][key], us[key], "", True, "share", n, full
                )
                for key, (told, _, _) in bar.items()
            ]
    strays = found["generator"]["strays"]
    rows.append(
        Claim(
            f"{pool}: rows of near pairs that nobody planted, by an exact join, taken out",
            strays,
            0.0,
            strays,
            "",
            True,
            "rows",
            n,
            full,
        )
    )
    if absent := [each for each in PEERS if each not in found]:
        print(f"not installed, so not in this run: {', '.join(absent)}", file=sys.stderr)
    return rows


BARS = {
    "recall_1": ("recall of copies with 1 word changed", ">=", 0.99),
    "recall_2": ("recall of copies with 2 words changed", ">=", 0.99),
    "recall_3": ("recall of copies with 3 words changed", ">=", 0.99),
    "precision": ("share of what leaves that was planted", ">=", 0.99),
    "twins": ("twins of which one leaves", "<=", 0.001),
}


if __name__ == "__main__":
    main()
