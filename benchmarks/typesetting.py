"""Does the filter `exact` alone find MATH-500's problems typeset otherwise? The ten rewritings of `benchmarks/contamination.py`, one at a time.

`python -m benchmarks.typesetting --data FOLDER`: `math/math500.jsonl` beside a copy of each problem that a rewriting changes; counted
are the copies that leave as duplicates. The peer drops equal texts after white space is made one blank.
"""

import argparse
import json
import os
from pathlib import Path

from assay.core.ports import FilterContext
from assay.core.types import Problem
from assay.filters.exact import Exact
from benchmarks.claims import Claim, publish
from benchmarks.contamination import TYPESET

SET = Path("math/math500.jsonl")


def main() -> None:
    """Measures each rewriting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: it takes seconds")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASSAY_DATA", "")))
    given = parser.parse_args()
    if not (given.data / SET).is_file():
        print(f"skipped: no {SET} under {str(given.data)!r}; give its folder with --data or ASSAY_DATA")
        return
    texts = [json.loads(line)["problem"] for line in (given.data / SET).read_text(encoding="utf-8").splitlines()]
    publish("typesetting", [found(name, texts) for name in TYPESET])


def found(name: str, texts: list[str]) -> Claim:
    """The share of changed copies that `exact` drops, beside equal texts."""
    copies = [made for text in texts if (made := TYPESET[name](text)) != text]
    pool = [Problem.of(text) for text in (*texts, *copies)]
    share = len(Exact().sift(pool, {}, FilterContext())) / len(copies)
    known = {" ".join(text.split()) for text in texts}
    equal = sum(" ".join(copy.split()) in known for copy in copies) / len(copies)
    title = f"copies of MATH-500 with {name} that `exact` alone drops"
    return Claim(title, share, equal, share, ">= 0.98", share >= 0.98, "share", len(copies))


if __name__ == "__main__":
    main()
