"""The tables and views as Markdown: what docs/store.md holds between its two marks."""

import importlib

import duckdb

from assay.stores.schema import sql_type
from assay.stores.sql.intervals import usual
from assay.stores.sql.views import asked, create_intervals, create_views
from assay.stores.tables import schemas

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
BAR = r"\|"  # a bar inside a cell
RATES = (
    *(
        "problem_id",
        "policy",
        "policy_name",
        "sampler",
        "label_id",
        "verifier",
        "version",
        "n_correct",
        "n_wrong",
        "n_truncated",
        "n_error",
    ),
    *("n", "tokens", "post_a", "post_b", "mean", "low", "high", "least", "most", "signal_8", "signal_16"),
    *("n_correct_lenient", "disputed"),
)
VIEWS: dict[str, tuple[str, dict[str, str]]] = {  # view: (what a row is, {column: meaning})
    "pass_rates": (
        "How often a policy solves a problem: one row a problem, policy, sampler, label and verifier version. Guided rollouts are left out. "
        "Counts are strict; `rates('lenient')` is the same table under lenient counts.",
        {
            "problem_id": "problems.id",
            "policy": "rollouts.policy",
            "policy_name": "what people call that revision",
            "sampler": "samplers.id",
            "label_id": "the label that was judged against",
            "verifier": "the part that judged",
            "version": "its version",
            "n_correct": "attempts judged right",
            "n_wrong": "attempts judged wrong, unparsable ones included",
            "n_truncated": "attempts cut by the cap, neither right nor wrong",
            "n_error": "attempts whose verifier or engine failed",
            "n": "attempts of every outcome",
            "tokens": "generated tokens of all attempts",
            "post_a": "n_correct + 1/2: first parameter of the Beta posterior under Jeffreys' prior",
            "post_b": "n_wrong + 1/2: its second parameter",
            "mean": "post_a / (post_a + post_b), in (0, 1), 1 = always solved",
            "low": "lower end of the 95% interval; 0 where nothing was solved; from the table intervals",
            "high": "upper end; 1 where nothing failed; null for counts that the next run's catalogue adds to intervals",
            "least": "n_correct / (n_correct + n_wrong + n_truncated): the share solved if every cut attempt were wrong",
            "most": "(n_correct + n_truncated) / (n_correct + n_wrong + n_truncated): if every cut attempt were right",
            "signal_8": "expected share of GRPO groups of 8 that are neither all right nor all wrong; signal(post_a, post_b, g) gives any g",
            "signal_16": "the same for groups of 16",
            "n_correct_lenient": "attempts that a person would judge right, strictly right ones included",
            "disputed": "no attempt is right strictly, and at least one is leniently: neither hard nor solved",
        },
    ),
    "frontier": (
        "Pass rates where at least half of all GRPO groups of 8 would carry signal, with the question beside them.",
        {
            **dict.fromkeys(RATES, "as in pass_rates"),
            "source": "problems.source",
            "characters": "problems.characters",
            "prompt": "content of the last turn",
        },
    ),
    "fresh_rates": (
        "What the last 50 steps of each training run tell about its policy, each step back weighing .98 of the next, without new sampling: one row "
        "a training, problem, sampler, label and verifier version. `fresh(last, discount)` gives any window and discount, "
        "`fresh(last, discount, mode := 'lenient')` lenient counts.",
        {
            "training": "stages.key of the train stage",
            **dict.fromkeys(("problem_id", "sampler", "label_id", "verifier", "version"), "as in pass_rates"),
            "n": "attempts of every outcome in these steps",
            "last_step": "the last of these steps in which the problem was met",
            "n_correct": "judged right",
            "n_wrong": "judged wrong, unparsable ones included",
            "n_truncated": "cut by the cap",
            "n_error": "whose verifier failed",
            "cut": "weighted attempts that the cap cut; in neither parameter",
            "post_a": "1/2 + weighted right attempts",
            "post_b": "1/2 + weighted wrong attempts",
            "mean": "post_a / (post_a + post_b), in (0, 1), 1 = always solved",
            "n_correct_lenient": "as in pass_rates",
            "disputed": "as in pass_rates",
        },
    ),
    "lineage": (
        "Who wrote which row: one row a stored row, with its run, of every table but runs, stages and tombstones. Ask with a WHERE on id or run.",
        {
            "table": "the row's table",
            "id": "the row's id",
            "run": "runs.run",
            "command": "what was asked",
            "plan": "JSON of the whole plan, seeds included",
            "policy": "revision of the policy's weights; null in lakes of format 1",
            "versions": "JSON: of this package, Python and the packages that matter",
            "started": "seconds since 1970, UTC",
            "ended": "the same; null = killed, or still running",
            "outcome": "done, partly, failed; null = killed, or still running",
            "tokens": "generated tokens of the whole run",
            "samples": "rollouts of the whole run",
            "seconds": "wall time of the run",
        },
    ),
    "costs": (
        "What was paid: one row a policy, sampler, engine and purpose.",
        {
            "policy": "rollouts.policy",
            "policy_name": "what people call that revision",
            "sampler": "samplers.id",
            "engine": "backend that ran the policy",
            "from_training": "whether training sampled them",
            "rollouts": "how many attempts",
            "tokens": "generated tokens",
            "prompt_tokens": "prompt tokens, counted once an attempt",
        },
    ),
}


def tables() -> str:
    """Every table and view with its columns, types and meanings, tables by name and then views.

    Raises:
        LookupError: a view, or a column of one, has no meaning in VIEWS; or VIEWS describes one that does not exist.
    """
    return "\n".join([*(_table(name) for name in schemas()), *_views()])


def rewritten(page: str) -> str:
    """The page with the part between its two marks brought up to date.

    Raises:
        ValueError: the page lacks a mark.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page of {len(page)} characters lacks {BEGIN if not begin else END}")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def _table(name: str) -> str:
    schema = schemas()[name]
    rows = [(each.name, sql_type(each.type), each.metadata[b"meaning"].decode()) for each in schema]
    says = importlib.import_module(f"assay.stores.tables.{name}").__doc__ or ""
    return _section(name, says, rows)


def _views() -> list[str]:
    if stray := set(asked()) ^ set(VIEWS):
        raise LookupError(f"{sorted(stray)}: in views.asked or in document.VIEWS, but not in both")
    sections = []
    with duckdb.connect(":memory:") as connection:
        create_intervals(connection, usual())
        create_views(connection, {})
        for name, (says, meanings) in VIEWS.items():
            types = {row[0]: row[1] for row in connection.execute(f'DESCRIBE "{name}"').fetchall()}
            if stray := set(types) ^ set(meanings):
                raise LookupError(
                    f"{name}: {sorted(stray)} are columns of the view or have a meaning in document.VIEWS, but not both"
                )
            sections.append(
                _section(f"{name} (view)", says, [(column, types[column], meanings[column]) for column in types])
            )
    return sections


def _section(title: str, says: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| `{column}` | {kind} | {meaning.replace('|', BAR)} |" for column, kind, meaning in rows]
    return "\n".join([f"### {title}", "", says.strip(), "", "| column | type | meaning |", "|---|---|---|", *lines, ""])
