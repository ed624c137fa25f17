"""Pairs and step labels of a tree on paper, and of searches by the scripted engine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.core.synthesis import SearchedProblem, TreeNode
from assay.core.types import Label
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake
from assay.synthesis.tree_pairs import TreePairs, better


def node(id_: str, parent: str, text: str, right: int, wrong: int, *, finished: bool = False) -> TreeNode:
    return TreeNode(id_, parent, len(id_), text, right + wrong, right, wrong, None, finished)


# root (4 of 8) -> a (4 of 5), b (0 of 3), c (never completed); a -> aa (3 of 3, finished), ab (1 of 2)
NODES = [
    node("r", "", "", 4, 4),
    node("a", "r", "first. ", 4, 1),
    node("b", "r", "other. ", 0, 3),
    node("c", "r", "never. ", 0, 0),
    node("aa", "a", "so 1", 3, 0, finished=True),
    node("ab", "a", "so 2", 1, 1),
]


def tree(nodes: list[TreeNode] = NODES) -> SearchedProblem:
    return SearchedProblem("p", Label.of("p", "1", verifier="numeric"), nodes, "rev")


def test_best_against_worst_sibling_at_each_step_of_the_best_path(given: Any, made: Callable[..., Any]) -> None:
    rows, summary = made(TreePairs(), given(trees=[tree()]))
    pairs = [row for row in rows if hasattr(row, "chosen")]
    assert [(pair.chosen, pair.rejected, pair.prefix) for pair in pairs] == [("a", "b", None), ("aa", "ab", "first. ")]
    assert [pair.margin for pair in pairs] == pytest.approx([0.8, 0.5])
    assert [pair.soft_label for pair in pairs] == pytest.approx([1 - 3 / 8, 1 - 2 / 5])  # worse visits of both
    assert summary.counts == {"trees": 1, "paired": 1, "without_gap": 0}
    (steps,) = [row for row in rows if not hasattr(row, "chosen")]
    assert [(step.text, step.value) for step in steps.steps] == [("first. ", 0.8), ("so 1", 1.0)]


def test_a_gap_and_a_deficiency_leave_fewer(given: Any, made: Callable[..., Any]) -> None:
    def chosen(part: TreePairs) -> list[str]:
        return [row.chosen for row in made(part, given(trees=[tree()]))[0] if hasattr(row, "chosen")]

    assert chosen(TreePairs(rule="q_gap", min_gap=0.5)) == ["a", "aa"]
    assert chosen(TreePairs(rule="q_gap", min_gap=0.6)) == ["a"]
    assert chosen(TreePairs(rule="deficient", max_rate=0.5)) == ["a", "aa"]
    assert chosen(TreePairs(rule="deficient", max_rate=0.4)) == []


def test_equal_values_give_no_pair(given: Any, made: Callable[..., Any]) -> None:
    flat = [node("r", "", "", 0, 4), node("a", "r", "x", 0, 2), node("b", "r", "y", 0, 2)]
    rows, summary = made(TreePairs(), given(trees=[tree(flat)]))
    assert [row for row in rows if hasattr(row, "chosen")] == []
    assert summary.counts["without_gap"] == 1


def test_more_completions_make_a_difference_surer() -> None:
    few = better(node("a", "r", "", 1, 0), node("b", "r", "", 0, 1))
    many = better(node("a", "r", "", 30, 0), node("b", "r", "", 0, 30))
    assert 0.5 < few < many <= 1


@pytest.fixture
def searched(tmp_path: Path) -> Callable[..., tuple[Lake, Any]]:
    """Sums whose answers have two steps, searched by the scripted engine."""

    def run(**score: Any) -> tuple[Lake, Any]:
        lines = [f'{{"prompt": "What is {n} + {n}?", "answer": "{2 * n}"}}\n' for n in range(10, 22)]
        (tmp_path / "sums.jsonl").write_text("".join(lines))
        questions = {f"What is {n} + {n}?": [f"Add.\n{2 * n}", f"Guess.\n{2 * n + 1}"] for n in range(10, 22)}
        answers = {
            key + begun: texts
            for question, (right, wrong) in questions.items()
            for key, begun, texts in (
                (question, "", [right, wrong]),
                (question, "Add.\n", [right.partition("\n")[2]]),
                (question, "Guess.\n", [wrong.partition("\n")[2], right.partition("\n")[2]]),
            )
        }
        config = parse_config(
            {
                "lake": str(tmp_path / "lake"),
                "source": [{"type": "files", "paths": str(tmp_path / "sums.jsonl"), "verifier": "numeric"}],
                "policy": {"engine": "scripted", "model": "two steps", "answers": answers, "max_tokens": 16},
                "score": {
                    "scorer": "mcts",
                    "children": 2,
                    "max_steps": 3,
                    "iterations": 12,
                    "temperature": 1.0,
                    **score,
                },
            }
        )
        lake = Lake(config.lake)
        with RunContext(config, lake, NullReporter()) as context:
            run_stages(context, "score")
            return lake, run_synthesis(context, "tree_pairs")[0]

    return run


def test_stored_searches_give_pairs_of_steps(searched: Callable[..., tuple[Lake, Any]]) -> None:
    lake, result = searched(use_all_iterations=True)
    with lake:
        rows = lake.rows("SELECT * FROM pair_texts")
        steps = lake.rows("SELECT * FROM step_labels")
    assert len(rows) == result.detail["pairs"] > 0
    assert all(row["verified"] and row["margin"] > 0 and 0.5 <= row["soft_label"] <= 1 for row in rows)
    first = [row for row in rows if not row["prefix"]]
    assert {(row["chosen_text"], row["rejected_text"]) for row in first} == {("Add.\n", "Guess.\n")}
    assert steps
    assert all(
        "".join(step["text"] for step in row["steps"]).count("\n") >= 1 for row in steps if len(row["steps"]) > 1
    )


def test_without_searches_the_command_that_makes_them_is_named(recorded: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"tree_pairs needs tree searches.*score.scorer = 'mcts'"):
        recorded("tree_pairs", {}, n=2)
