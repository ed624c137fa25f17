"""A search's iteration as a score: counted from 1, censored where nothing was right."""

from collections.abc import Mapping, Sequence

from assay.core.tree_search import SearchConfig, SearchResult
from assay.core.types import Counts
from assay.scorers.mcts import Mcts


class SearchStore:
    """Searches that are over, by problem id."""

    def __init__(self, results: Mapping[str, SearchResult]) -> None:
        self.results, self.rules = results, None

    def search(self, ids: Sequence[str], rules: SearchConfig) -> Mapping[str, SearchResult]:
        self.rules = rules
        return {id_: self.results[id_] for id_ in ids if id_ in self.results}


def score(*results: SearchResult, ids: Sequence[str] = ("a", "b", "c"), **settings: object):
    return Mcts(**settings).score(ids, SearchStore({result.problem_id: result for result in results}))  # type: ignore[arg-type]


def test_solved_at_the_seventh_iteration_is_seven() -> None:
    (mcts,) = score(SearchResult("a", 7, 7, Counts(correct=1, wrong=6), 90))
    assert (mcts.value, mcts.low, mcts.high, mcts.censored, mcts.direction) == (7.0, 7.0, 7.0, False, "harder")
    assert mcts.counts == Counts(correct=1, wrong=6)


def test_unsolved_within_the_budget_is_censored_at_the_budget_and_kept() -> None:
    (mcts,) = score(SearchResult("a", 50, None, Counts(wrong=50), 900))
    assert (mcts.value, mcts.censored) == (50.0, True)


def test_an_exhausted_search_counts_its_first_right_answer() -> None:
    (mcts,) = score(SearchResult("a", 50, 3, Counts(correct=9, wrong=41), 900), use_all_iterations=True)
    assert (mcts.value, mcts.censored) == (3.0, False)


def test_a_search_that_a_limit_stopped_has_no_score() -> None:
    scores = score(
        SearchResult("c", 1, 1, Counts(correct=1), 5), SearchResult("a", 2, 2, Counts(correct=1, wrong=1), 5)
    )
    assert [mcts.problem_id for mcts in scores] == ["a", "c"]


def test_its_settings_are_the_searchs_rules() -> None:
    store = SearchStore({})
    Mcts(children=2, iterations=9, selection_rule="visits", delimiter=";", final_step_marker="so").score(("a",), store)  # type: ignore[arg-type]
    assert store.rules == SearchConfig(children=2, iterations=9, rule="visits", delimiter=";", mark="so")
    Mcts().score((), store)  # type: ignore[arg-type]
    assert store.rules == SearchConfig()
