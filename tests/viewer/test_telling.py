"""Which problems a report shows, and which of their attempts."""

from typing import Any

from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys
from assay.viewer.pool import PoolIndex
from assay.viewer.problem import problem_page
from assay.viewer.telling import ATTEMPTS, QUESTION, TEXT, shown_problem, telling_problems


def test_twenty_problems_are_chosen_the_gravest_reasons_first_and_none_twice(pool: PoolIndex) -> None:
    rows = telling_problems(pool)
    assert len({row["id"] for row in rows}) == len(rows) == 20
    reasons = list(dict.fromkeys(row["why"] for row in rows))
    assert reasons[:3] == ["right only leniently", "truncated attempts", "never solved, none truncated"], "none failed"
    cut = [row for row in rows if row["why"] == "truncated attempts"]
    assert all(row["n_truncated"] > 0 for row in cut)
    half = [row for row in rows if row["why"] == "selected, right and wrong"]
    assert all(abs(row["n_correct"] / 8 - 0.5) <= 0.25 for row in half)
    assert len(half) == 5


def outcomes(attempts: list[dict[str, Any]]) -> set[str]:
    return {attempt["verdicts"][0]["outcome"] for attempt in attempts if attempt["mine"]}


def test_an_empty_pool_has_none() -> None:
    assert telling_problems(PoolIndex.empty()) == []


def test_of_the_attempts_every_outcome_is_shown_and_texts_are_bounded(
    reader: LakeReader, keys: ViewKeys, pool: PoolIndex
) -> None:
    mixed = pool.rows("SELECT id FROM pool WHERE outcome = 'mixed' AND n_truncated > 0 AND n_wrong > 0 ORDER BY id")
    pages = [shown_problem(reader, keys, row["id"]) for row in mixed]
    attempted = [page for page in pages if page["attempts"]]
    assert max(len(outcomes(page["attempts"])) for page in attempted) > 1
    for page in attempted:
        assert 1 <= len(page["attempts"]) <= ATTEMPTS < page["total"]
        every = problem_page(reader, keys, page["problem"]["id"])["attempts"]
        assert outcomes(page["attempts"]) == outcomes(every)
        assert all(len(attempt[part]) <= TEXT for attempt in page["attempts"] for part in ("thinking", "answer"))
        assert all(len(turn["content"]) <= QUESTION for turn in page["problem"]["messages"])
