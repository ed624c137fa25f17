"""Trees worked by hand: what is requested, in which order, which nodes are visited, and when it ends."""

from collections.abc import Callable

import numpy as np
import pytest

from assay.core.tree_search import SearchConfig
from assay.core.types import Outcome
from assay.maths.search.tree import Complete, Expand, NodeJudge, SearchStep, Tree, child_score, search, trim_steps


class FirstChild:
    """Chance that always goes to the first child."""

    def integers(self, high: int) -> int:
        return 0


Writer = Callable[[str, int], SearchStep]
PICKED: dict[str, Outcome] = {}


def run_search(
    rules: SearchConfig, write: Writer, right: Callable[[str], Outcome], rng: object = None
) -> tuple[Tree, list[object]]:
    """The tree of a search whose steps come from `write(prefix, sample)` and whose verdicts from `right(answer)`, and its requests."""
    requests: list[object] = []
    running = search(rules, rng or FirstChild())  # type: ignore[arg-type]
    request = next(running)
    while True:
        requests.append(request)
        reply = (
            right(request.text)
            if isinstance(request, NodeJudge)
            else tuple(write(request.prefix, sample) for sample in request.samples)
        )
        try:
            request = running.send(reply)
        except StopIteration as end:
            return end.value, requests


def letters(prefix: str, sample: int) -> SearchStep:
    """Steps a, b, c by sample number; an answer is over after two of them."""
    return SearchStep("abc"[sample % 3], 1, "closed" if len(prefix) == 1 else "open")


def never(_: str) -> Outcome:
    return "wrong"


def visits(tree: Tree) -> dict[str, int]:
    return {tree.prefix(place): node.visits for place, node in enumerate(tree.nodes) if not node.completes}


@pytest.mark.parametrize("rule", ["uct", "visits"])
def test_the_first_iteration_expands_the_root_completes_one_child_and_has_it_judged(rule):
    tree, requests = run_search(SearchConfig(rule=rule, steps=2, iterations=1), letters, never)
    assert requests == [Expand("", (0, 1, 2)), Complete("a", (3,), 1), NodeJudge("aa", True)]
    assert visits(tree) == {"": 1, "a": 1, "b": 0, "c": 0}
    assert (tree.iterations, tree.solved_at, tree.tokens) == (1, None, 4)


@pytest.mark.parametrize("rule", ["uct", "visits"])
def test_a_golden_tree_of_seven_iterations_is_breadth_first_while_nothing_is_right(rule):
    """1 expands the root, takes a and completes it. 2 goes to b, unvisited, expands it and takes ba; 3 likewise ca. Now a, b and c have
    one visit each: 4 takes the first, a, expands it and takes aa; 5 goes to b and there to bb, unvisited; 6 to cb; 7 to a and ab."""
    tree, requests = run_search(SearchConfig(rule=rule, steps=2, iterations=7), letters, never)
    assert [request.text for request in requests if isinstance(request, NodeJudge)] == [
        "aa",
        "ba",
        "ca",
        "aa",
        "bb",
        "cb",
        "ab",
    ]
    expected = {
        "": 7,
        "a": 3,
        "b": 2,
        "c": 2,
        "aa": 1,
        "ab": 1,
        "ac": 0,
        "ba": 1,
        "bb": 1,
        "bc": 0,
        "ca": 1,
        "cb": 1,
        "cc": 0,
    }
    assert visits(tree) == expected
    assert tree.solved_at is None
    assert tree.counts.wrong == 7


def test_uct_returns_to_the_child_with_a_right_answer_and_visits_does_not():
    """After one visit each, a alone was right. uct: 1 + sqrt(ln 3) against sqrt(ln 3), so a again and again; visits: the least visited."""
    how = {"steps": 2, "iterations": 6, "exhaust": True, "exploration": 0.5}
    trees = {
        rule: run_search(
            SearchConfig(rule=rule, **how), letters, lambda text: "correct" if text[0] == "a" else "wrong"
        )[0]
        for rule in ("uct", "visits")
    }
    shape = {
        rule: {name: count for name, count in visits(tree).items() if len(name) == 1} for rule, tree in trees.items()
    }
    assert shape == {"uct": {"a": 4, "b": 1, "c": 1}, "visits": {"a": 2, "b": 2, "c": 2}}
    assert {tree.solved_at for tree in trees.values()} == {1}
    assert trees["uct"].counts.correct == 4


def test_solved_by_the_first_answer_is_solved_at_one_and_the_search_ends():
    tree, requests = run_search(SearchConfig(steps=2), letters, lambda text: "correct")
    assert (tree.iterations, tree.solved_at, tree.answer) == (1, 1, "aa")
    assert len(requests) == 3
    assert (tree.nodes[0].visits, tree.nodes[0].value) == (1, 1.0)


@pytest.mark.parametrize("rule", ["uct", "visits"])
def test_the_seventh_answer_is_solved_at_seven(rule):
    tree, _ = run_search(SearchConfig(rule=rule, steps=2), letters, lambda text: "correct" if text == "ab" else "wrong")
    assert (tree.iterations, tree.solved_at, tree.answer) == (7, 7, "ab")


def test_an_unsolved_search_is_censored_and_kept_whole():
    tree, _ = run_search(SearchConfig(steps=2, iterations=50), letters, never)
    assert (tree.iterations, tree.solved_at) == (50, None)
    assert len(visits(tree)) == 13
    assert (
        sum(node.visits for node in tree.nodes if node.depth == 2 and not node.completes) == 50 - 1
    )  # all but the first, which was completed from depth 1


def test_a_leaf_is_judged_once_however_often_it_is_met():
    judged: list[str] = []

    def judge(text: str) -> Outcome:
        judged.append(text)
        return "wrong"

    run_search(SearchConfig(steps=1, iterations=20), letters, judge)
    assert judged == ["a", "b", "c"]


def test_a_judge_who_errs_now_and_then_cannot_solve_a_leaf_by_being_asked_again():
    """Drawn anew at each visit, a judge who is wrong in 1 of 20 calls would find one of 3 leaves right within 50 visits in 92% of searches."""
    rng = np.random.default_rng(0)
    solved = sum(
        run_search(SearchConfig(steps=1), letters, lambda _: "correct" if rng.random() < 0.05 else "wrong")[0].solved_at
        is not None
        for _ in range(200)
    )
    assert solved / 200 == pytest.approx(1 - 0.95**3, abs=0.06)


def test_a_failed_verdict_is_neither_right_nor_wrong_and_the_search_goes_on():
    """The released search takes a crash for an unsolved problem and drops it."""
    verdicts = iter(["verifier_error", "verifier_error", "correct"])
    tree, _ = run_search(SearchConfig(steps=2), letters, lambda _: next(verdicts))
    assert (tree.solved_at, tree.counts.error, tree.counts.wrong, tree.counts.correct) == (3, 2, 0, 1)


def test_equal_steps_stay_apart_and_sample_numbers_never_repeat():
    tree, requests = run_search(
        SearchConfig(steps=3, iterations=30), lambda prefix, _: SearchStep("x", 1, "open"), never
    )
    assert len(tree.nodes[0].children) == 3
    samples = [sample for request in requests if not isinstance(request, NodeJudge) for sample in request.samples]
    assert len(set(samples)) == len(samples)


def test_an_answer_has_no_more_steps_than_the_rules_allow():
    rules = SearchConfig(steps=4, iterations=40)
    tree, requests = run_search(rules, lambda prefix, _: SearchStep("x", 1, "open"), never)
    assert max(node.depth for node in tree.nodes if not node.completes) == 4
    assert all(len(request.prefix) + request.steps == 4 for request in requests if isinstance(request, Complete))
    assert not any(request.closed for request in requests if isinstance(request, NodeJudge))


def test_a_child_without_room_is_judged_as_it_stands_and_never_expanded():
    tree, requests = run_search(
        SearchConfig(iterations=2, children=1), lambda prefix, _: SearchStep("", 0, "cut"), lambda _: "truncated"
    )
    assert requests == [Expand("", (0,)), NodeJudge("", False)]
    assert tree.counts.truncated == 2


def test_the_child_is_chosen_uniformly():
    rng = np.random.default_rng(1)
    chosen = [run_search(SearchConfig(steps=1, iterations=1), letters, never, rng)[1][1].text for _ in range(300)]
    assert all(70 < chosen.count(letter) < 130 for letter in "abc")


def test_both_ends_of_exploration():
    assert child_score(0.25, 3, 9, SearchConfig(exploration=0.0)) == 0.25
    assert child_score(0.25, 0, 9, SearchConfig(exploration=0.0)) == np.inf
    assert child_score(0.0, 1, 9, SearchConfig(exploration=1e9)) > child_score(1.0, 2, 9, SearchConfig(exploration=1e9))
    assert child_score(0.9, 0, 16, SearchConfig(rule="visits", exploration=1.0)) == 4.0


def test_a_search_refuses_what_it_did_not_ask_for():
    running = search(SearchConfig(), FirstChild())  # type: ignore[arg-type]
    next(running)
    with pytest.raises(TypeError, match="expected a step, found 'c'"):
        running.send("correct")


def test_text_is_trimmed_behind_the_last_allowed_step():
    assert trim_steps("a\nb\n", delimiter="\n", steps=2) == ("a\nb\n", False)
    assert trim_steps("a\nb\nc", delimiter="\n", steps=1) == ("a\n", True)
    assert trim_steps("a", delimiter="\n", steps=1) == ("a", False)
    assert trim_steps("abc", delimiter="", steps=1) == ("abc", False)
    assert trim_steps("a\nFinal: 4\nb", delimiter="\n", steps=9, mark="Final:") == ("a\nFinal: 4\n", True)
