"""The symbolic path of `math` on fixed pairs, in CPU seconds; the plain reader beside latex2sympy's grammar, tree by tree.

`symbolic_pairs.jsonl` was drawn once (`--freeze --data FOLDER`) from what `benchmarks/grading.py` draws: 800 golds of MATH
(seed 3), each with "+0" behind it or beside another problem's gold, its two made families, and 6,076 recorded answers. Kept
are the pairs that no rule of form decided on 2026-11-30, before expressions had a reader of their own. The list stays, so
that versions can be compared; a pair that form decides later counts as judged.

CPU time is that of one process after `warm`, the best of three turns with caches cold, and a rate is that of two such
processes. The peer is the same code with the grammar reading everything. The trees: every gold and answer under --data or
ASSAY_DATA, whole and cut at commas, relations and unions.
"""

import argparse
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.verifiers.answers.extraction import find_final_answer
from assay.verifiers.answers.numbers import parse_number
from assay.verifiers.answers.plain_text import clean_answer
from assay.verifiers.math import point_values, quantities, symbolic
from assay.verifiers.math.plain_reader import read_plain
from assay.verifiers.math.verifier import Math
from benchmarks.claims import Claim, publish
from benchmarks.grading import GOLDS, GSM8K, MATH, Pair, as_case, gsm8k, maths

PAIRS = Path(__file__).parent / "symbolic_pairs.jsonl"
MADE = (
    ("x^2+{n}x+1", "{m}+{n}x+x^2"),
    ("\\frac{{\\sqrt{{{n}}}}}{{2}}", "\\frac{{{m}}}{{2\\sqrt{{{n}}}}}"),
    ("[{n},\\infty)", "x \\ge {m}"),
    ("\\{{{n},1\\}}", "\\{{{m},{n}\\}}"),
)
TURNS = 3


def main() -> None:
    """Measures the list, and compares the trees where there is data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one turn, every fourth text")
    parser.add_argument("--freeze", action="store_true", help="draw the list anew and stop")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASSAY_DATA", "")))
    given = parser.parse_args()
    if given.freeze:
        freeze(given.data)
        return
    rows = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    claims = [rate_of(name, rows, 1 if given.quick else TURNS) for name in dict.fromkeys(row["drawn"] for row in rows)]
    if (given.data / GOLDS).is_file():
        claims += trees(sorted(texts(given.data))[:: 4 if given.quick else 1])
    publish("symbolic_reading", claims)


def freeze(data: Path) -> None:
    """Draws the pairs that reach algebra and writes them down."""
    golds = sorted(
        {gold for row in read_rows(data / GOLDS) if parse_number(gold := str(row["answer"])) is None and len(gold) < 80}
    )
    random.Random(3).shuffle(golds)
    golds = golds[:800]
    answers = [f"{gold}+0" if index % 2 else golds[index - 1] for index, gold in enumerate(golds)]
    drawn = {
        "golds of MATH": [
            Pair(gold, f"So \\boxed{{{said}}}.", True) for gold, said in zip(golds, answers, strict=True)
        ],
        "made, 1 answer a gold": list(made(200, 1)),
        "made, 8 answers a gold": list(made(25, 8)),
        "recorded": [*gsm8k(data / GSM8K), *maths(data / MATH)],
    }
    rows = [
        {"drawn": name, "gold": pair.gold, "text": pair.text}
        for name, pairs in drawn.items()
        for pair in pairs
        if Math().glance(as_case(pair)) is None
    ]
    PAIRS.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def made(golds: int, answers: int) -> Iterator[Pair]:
    """Yields the made families of `benchmarks/grading.py`."""
    for n in range(2, 2 + golds):
        for gold, said in MADE:
            for m in range(1, 1 + answers):
                yield Pair(gold.format(n=n), f"So \\boxed{{{said.format(n=n, m=m)}}}.", True)


def rate_of(name: str, rows: list[dict[str, str]], turns: int) -> Claim:
    """Pairs a second of two processes, beside the grammar alone; verdicts must be the same."""
    pairs = [Pair(row["gold"], row["text"], True) for row in rows if row["drawn"] == name]
    ours, verdicts = seconds(pairs, turns)
    plain, symbolic.read_plain = symbolic.read_plain, lambda *_, **__: None  # type: ignore[assignment]
    peer, others = seconds(pairs, turns)
    symbolic.read_plain = plain
    print(f"{name}: {dict(Counter(verdicts))}; as by the grammar alone: {verdicts == others}")
    rate = 2 * len(pairs) / ours
    title = f"the symbolic path, fixed pairs, {name}, beside the grammar alone"
    return Claim(title, rate, 2 * len(pairs) / peer, rate, ">= 250", rate >= 250, "pairs/s of 2 CPUs", len(pairs))


def seconds(pairs: list[Pair], turns: int) -> tuple[float, list[str]]:
    """Least CPU time of some turns, and the outcomes."""
    verifier = Math()
    verifier.warm()
    cases, best, outcomes = [as_case(pair) for pair in pairs], float("inf"), []
    for _ in range(turns):
        for cache in (symbolic._parse_latex, point_values.evaluate_at_letters, quantities.cached_number):
            cache.cache_clear()
        began = time.process_time()
        outcomes = [(verifier.glance(case) or verifier.judge(case)).outcome for case in cases]
        best = min(best, time.process_time() - began)
    return best, list(outcomes)


def trees(found: list[str]) -> list[Claim]:
    """How many texts the plain reader reads, how many trees differ from the grammar's, and both CPU times."""
    read = unlike = 0
    ours = theirs = 0.0
    for latex in found:
        began = time.process_time()
        tree = read_plain(latex, is_real=not symbolic._COMPLEX.search(latex))
        ours += time.process_time() - began
        if tree is None:
            continue
        read += 1
        began = time.process_time()
        other = by_grammar(latex)
        theirs += time.process_time() - began
        if shown(tree) != shown(other):
            unlike += 1
            print(f"unlike: {latex!r}: {shown(tree)} {shown(other)}")
    return [
        Claim("plain texts whose tree is unlike the grammar's", unlike, 0, float(unlike), "<= 0", not unlike, "texts", read),
        Claim("texts that the plain reader leaves to the grammar", len(found) - read, len(found), 1 - read / len(found), "(told)", True, "texts"),
        Claim("reading them, CPU seconds beside the grammar's", ours, theirs, theirs / ours, "(told)", True, "s", read),
    ]  # fmt: skip


def by_grammar(latex: str) -> Any:
    """The grammar's tree, None where it reads none."""
    plain, symbolic.read_plain = symbolic.read_plain, lambda *_, **__: None  # type: ignore[assignment]
    try:
        return symbolic._parse_latex.__wrapped__(latex)
    finally:
        symbolic.read_plain = plain


def shown(tree: Any) -> tuple[str, str]:
    """A tree as text, node by node."""
    from sympy import srepr

    return type(tree).__name__, srepr(tree) if tree is not None else ""


def texts(data: Path) -> set[str]:
    """Golds and answers of every set there is, cleaned as the verifier does, whole and cut."""
    golds = [
        str(row["answer"]) for name in (GOLDS, Path("deepmind_mathematics/test.json")) for row in read_rows(data / name)
    ]
    golds += [str(row["answer"]) for row in read_rows(data / "math/math500.jsonl")]
    for row in read_rows(data / MATH):
        golds.append(str(row["gt"]))
        for answer in row["code"]:
            final = find_final_answer(answer)
            golds += [final.text] if final else []
            golds += re.findall(r"\$([^$]{1,60})\$", answer)[:6]
    for name in ("asdiv", "mawps", "svamp"):
        golds += [
            str(value)
            for row in read_rows(data / f"easy_math/{name}.jsonl")
            for key, value in row.items()
            if "answer" in key.lower()
        ]
    found = set()
    for gold in golds:
        cleaned = clean_answer(gold)
        pieces = re.split(r"[,=<>]|\\in\b|\\le\b|\\ge\b|\\cup|\\pm", cleaned)
        found |= {piece for each in (cleaned, *pieces) if 0 < len(piece := each.strip().strip("()[]").strip()) <= 150}
    return found


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON or JSONL file; none where it is missing."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    rows = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    return list(rows)


if __name__ == "__main__":
    main()
