"""Gold answers, versioned: a corrected answer is another row, and verdicts say which one they used."""

from assay.stores.schema import TEXT, column, table

SCHEMA = table(
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("answer", TEXT, "the gold answer as text"),
    column("verifier", TEXT, "the verifier that grades against it"),
    column("origin", TEXT, "gold, corrected, vote, teacher"),
    made_by=("ingest", "clean"),
)
