"""A lake in a notebook: `marimo edit examples/notebook.py -- --lake DIR`, or `marimo export html examples/notebook.py -o lake.html -- --lake DIR`.

`pip install marimo` brings the editor. A marimo notebook is a Python file: each function below is a cell, and a cell runs again when what it
reads has changed. Nothing here writes rows; the catalogue that the last cells open is a file of views beside the Parquet, which any DuckDB reads.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A lake")


@app.cell
def _():
    import os

    import duckdb
    import marimo as mo

    from assay.api import Lake

    folder = mo.cli_args().get("lake") or os.environ.get("ASSAY_LAKE", ".assay/quickstart")
    lake = Lake(folder, create=False)
    mo.md(
        f"# `{lake.root.name}`\n\nParquet is the truth; every table and view of `docs/store.md` is a name in the queries below."
    )
    return duckdb, lake, mo


@app.cell
def _(lake, mo):
    stages = lake.query(
        "SELECT stage, rows_in, rows_out, round(seconds, 1) AS seconds, detail FROM stages ORDER BY seconds DESC"
    )
    mo.vstack([mo.md("## What was done"), mo.ui.table(stages.to_pylist(), selection=None)])
    return (stages,)


@app.cell
def _(lake, mo):
    difficulty = lake.query(
        """
        SELECT source, policy_name, count(*) AS problems, sum(n_correct)::BIGINT AS correct, sum(n)::BIGINT AS attempts,
               round(avg(mean), 3) AS mean, round(avg(p_mixed_8), 3) AS p_mixed_8
        FROM pass_rates JOIN problems p ON p.id = problem_id GROUP BY ALL ORDER BY source, policy_name
        """
    )
    mo.vstack([mo.md("## How hard it is, by source"), mo.ui.table(difficulty.to_pylist(), selection=None)])
    return (difficulty,)


@app.cell
def _(lake, mo):
    shares = lake.query(
        "SELECT least(9, floor(rate_if_truncated_wrong * 10))::INT AS tenth, count(*) AS problems FROM pass_rates "
        "WHERE rate_if_truncated_wrong IS NOT NULL GROUP BY tenth ORDER BY tenth"
    ).to_pylist()
    most = max((row["problems"] for row in shares), default=1)
    bars = "\n".join(
        f"{row['tenth'] / 10:.1f}  {'█' * round(40 * row['problems'] / most):<40}  {row['problems']}" for row in shares
    )
    mo.md(
        f"## Problems by share solved\n\nCut attempts count as wrong.\n\n```text\n{bars or 'nothing was attempted'}\n```"
    )
    return (shares,)


@app.cell
def _(lake, mo):
    kept = lake.query("SELECT DISTINCT problem_id FROM selections WHERE kept ORDER BY problem_id")[
        "problem_id"
    ].to_pylist()
    every = kept or lake.query("SELECT id FROM problems ORDER BY id LIMIT 50")["id"].to_pylist()
    problem = mo.ui.dropdown(every, value=every[0] if every else None, label="a problem")
    mo.vstack([mo.md("## One problem's story"), problem])
    return (problem,)


@app.cell
def _(lake, mo, problem):
    from assay.pipelines.analysis.show import collect_problem

    story = collect_problem(lake, problem.value) if problem.value else {}
    chapters = {name: mo.ui.table(rows, selection=None) for name, rows in story.items() if rows}
    mo.accordion(chapters) if chapters else mo.md("the lake holds no problem")
    return (story,)


@app.cell
def _(duckdb, lake, mo):
    # The same through plain DuckDB, as any other tool would: one ATTACH of the catalogue.
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"ATTACH '{lake.catalogue()}' AS lake (READ_ONLY)")
        costs = connection.sql(
            "SELECT policy_name, engine, from_training, rollouts, tokens FROM lake.costs ORDER BY tokens DESC"
        ).to_arrow_table()
    mo.vstack([mo.md("## What it cost, asked through one `ATTACH`"), mo.ui.table(costs.to_pylist(), selection=None)])
    return (costs,)


if __name__ == "__main__":
    app.run()
