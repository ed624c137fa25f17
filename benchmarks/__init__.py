"""One file a claim: `python -m benchmarks.NAME [--quick]` prints a Markdown table and writes results/NAME.json."""
