#!/bin/sh
# bare.sh BIN: what an installation without extras can do: help, a pool cleaned and exported, and one line where an extra is missing.
set -eu
bin=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$bin/curate" --help >/dev/null
"$bin/python" - <<'PYTHON'
import pyarrow.parquet as parquet

import assay

rows = [{"question": f"What is {n} + 3?", "answer": str(n + 3)} for n in (2, 2, 4, 7)]
pool = assay.clean(assay.problems(rows, prompt="question", answer="answer"), lake="lake")
assert len(pool) == 3 and len(pool.dropped) == 1, (len(pool), pool.dropped)
parquet.write_table(pool.to_arrow(), "pool.parquet")
assert parquet.read_table("pool.parquet").num_rows == 3
PYTHON
"$bin/curate" grade --gold 1/2 --text 'The answer is 0.5.' | grep -q correct
"$bin/python" - "$bin/curate" <<'PYTHON'
import subprocess
import sys
import time

took = []
for _ in range(3):
    began = time.monotonic()
    subprocess.run([sys.argv[1], "--help"], stdout=subprocess.DEVNULL, check=True)
    took.append(time.monotonic() - began)
print(f"curate --help: {min(took):.2f} s")
PYTHON
echo "bare: 4 passed, 0 failed"
