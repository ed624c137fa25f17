"""Problems as rows, column by column: the same rows, and the same problems back."""

from collections.abc import Callable

import pytest

from assay.core.types import Message, Problem
from assay.pipelines.context.run import RunContext
from assay.pipelines.data import problem_batches
from assay.pipelines.data.problem_batches import problem_table, stream_cleaned, stream_members, to_problems
from assay.pipelines.data.problems import read_cleaned_problems, read_pool_members, to_row
from assay.pipelines.runner.stages import run_stages

CHAT = (Message("system", "Add."), Message("user", "1 + 1?"))
PROBLEMS = [
    Problem.of("What is 2 + 2?"),
    Problem.of(CHAT, source="q", media=("a" * 64, "b" * 64), metadata={"k": 1}),
    Problem.of("é"),
]


@pytest.mark.parametrize("problems", [PROBLEMS, PROBLEMS[:1], PROBLEMS[1:2], []])
def test_a_table_of_problems_is_their_rows_and_gives_them_back(problems: list[Problem]) -> None:
    table = problem_table(problems, "r")
    assert table.to_pylist() == [{**to_row(problem), "run": "r"} for problem in problems]
    assert to_problems(table) == problems
    assert to_problems(table.slice(1)) == problems[1:]


def test_what_is_streamed_is_what_is_read_at_once(
    context: Callable[..., RunContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = context()
    results = run_stages(run, "clean")
    monkeypatch.setattr(problem_batches, "BATCH", 7)
    streamed = {problem.id: problem for batch in stream_cleaned(run, results) for problem in batch}
    assert streamed == read_cleaned_problems(run, results)[0]
    batches = list(stream_members(run, list(results.of("ingest").key.parts)))
    problems, labels = read_pool_members(run, results)
    assert {problem.id: problem for batch, _ in batches for problem in batch} == problems
    assert {id_: golds for _, batch in batches for id_, golds in batch.items()} == labels
    assert max(len(batch) for batch, _ in batches) == 7
