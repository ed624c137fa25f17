"""The laws, on every filter, scorer, selector and curriculum that is found: a new part is held to them by lying in its folder.

Everything that a part may read is scripted here. Pools hold exactly the columns that a part declares in `needs`, so a part that
reads more than it says fails.
"""

import dataclasses
import hashlib
import io
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build, load, names
from assay.core.ports import Arranger, Filter, FilterContext, Scorer, Selector
from assay.core.tree_search import SearchConfig, SearchResult
from assay.core.types import (
    Counts,
    Drop,
    GradingCase,
    GroupResult,
    Label,
    Policy,
    Pool,
    Problem,
    Request,
    Rollout,
    SamplingConfig,
    StoredAttempt,
    Verdict,
)
from assay.embedding.tfidf import Tfidf

KINDS = {"filter": Filter, "scorer": Scorer, "selector": Selector, "curriculum": Arranger}
PARTS = [(kind, name) for kind in KINDS for name in names(kind)]
SETTINGS: dict[tuple[str, str], dict[str, object]] = {}  # for parts that cannot do without

filters = pytest.mark.parametrize("name", names("filter"))
scorers = pytest.mark.parametrize("name", names("scorer"))
selectors = pytest.mark.parametrize("name", names("selector"))
curricula = pytest.mark.parametrize("name", names("curriculum"))
ONLINE = [name for name in names("curriculum") if hasattr(load("curriculum", name), "begin")]
orders = pytest.mark.parametrize(
    "name",
    [name for name in names("curriculum") if "passes" in {each.name for each in fields(load("curriculum", name))}],
)
courses = pytest.mark.parametrize("name", ONLINE)


def made(kind: str, name: str):
    return build(kind, name, SETTINGS.get((kind, name)))


@pytest.fixture(autouse=True)
def no_global_chance():
    """Law 1: the global generators are where they were; a part's chance is its `rng`."""
    np.random.seed(12345)
    random.seed(12345)
    before = np.random.get_state()[1].copy(), random.getstate()
    yield
    after = np.random.get_state()[1].copy(), random.getstate()
    assert (before[0] == after[0]).all()
    assert before[1] == after[1]


# Scripted inputs -------------------------------------------------------------------------------------------------------------


class Strict:
    """A judge that reads plain integers and finds an answer right when the last word is the gold answer."""

    def reads(self, labels: Sequence[Label]) -> list[bool]:
        return [label.answer.lstrip("-").isdigit() for label in labels]

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]:
        return [self._judge(case) for case in cases]

    def version(self, verifier: str) -> str:
        return "1"

    def _judge(self, case: GradingCase) -> Verdict:
        right = case.rollout.text.split()[-1:] == [case.label.answer]
        return Verdict.of(case, verifier="exact", version="1", outcome="correct" if right else "wrong")


class Recorded:
    """Attempts whose outcomes are drawn from a problem's own id: half of the problems are easier than the other."""

    def draw(self, wanted: Mapping[str, int]) -> Mapping[str, Counts]:
        return {id_: self._counts(id_, n) for id_, n in wanted.items()}

    def _counts(self, id_: str, n: int) -> Counts:
        digest = hashlib.sha256(id_.encode()).digest()
        if digest[0] < 20:
            return Counts()
        outcomes = ["correct" if byte < digest[1] else "wrong" for byte in digest[2 : 2 + n]]
        outcomes[:1] = ["truncated" if digest[3] < 60 else outcomes[0]]
        return Counts(**Counter(outcomes))

    def search(self, ids: Sequence[str], rules: SearchConfig) -> Mapping[str, SearchResult]:
        return {id_: self._searched(id_, rules) for id_ in ids if self._counts(id_, 8).total}

    def said(
        self, wanted: Mapping[str, int], changes: Mapping[str, object], policy: str = ""
    ) -> Mapping[str, Sequence[StoredAttempt]]:
        return {id_: self._said(id_, n) for id_, n in wanted.items()}

    def responses(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Counts]]:
        found = {
            who: {id_: self._counts(f"{who}{id_}", 8) for id_ in ids if self._counts(id_, 8).total}
            for who in ("", "weak", "strong")
        }
        return {
            who: {id_: counts if counts.total else Counts(wrong=8) for id_, counts in each.items()}
            for who, each in found.items()
        }

    def _searched(self, id_: str, rules: SearchConfig) -> SearchResult:
        at = hashlib.sha256(id_.encode()).digest()[1] % (2 * rules.iterations) + 1
        spent = min(at, rules.iterations)
        return SearchResult(
            id_,
            spent,
            at if at <= spent else None,
            Counts(correct=int(at <= spent), wrong=spent - (at <= spent)),
            9 * spent,
        )

    def _said(self, id_: str, n: int) -> list[StoredAttempt]:
        counts = self._counts(id_, n)
        outcomes = ["correct"] * counts.correct + ["wrong"] * counts.wrong + ["truncated"] * counts.truncated
        logprobs = (-0.25, -0.5)
        return [
            StoredAttempt(i, each, "7" if each == "correct" else str(i), 5 + i, "stop", logprobs)
            for i, each in enumerate(outcomes)
        ]  # type: ignore[arg-type]


class Brute:
    """Neighbours by one matrix product."""

    def above(self, queries: np.ndarray, rows: np.ndarray, threshold: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for cosines in queries @ rows.T:
            found = np.flatnonzero(cosines >= threshold - 1e-6)
            yield found, cosines[found]


class Words:
    """A tokenizer whose tokens are characters."""

    def count(self, problems: Sequence[Problem]) -> list[int]:
        return [len(each.text) for each in problems]


class Asked:
    """A policy that says 3 to every problem with an even digest, and else something new each time."""

    def ask(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], n: int, changes: object
    ) -> Mapping[str, Sequence[Verdict]]:
        return {
            each.id: [self._say(each, labels[each.id][0], sample) for sample in range(n)]
            for each in problems
            if labels.get(each.id)
        }

    def _say(self, problem: Problem, label: Label, sample: int) -> Verdict:
        text = "3" if hashlib.sha256(problem.id.encode()).digest()[0] % 2 else str(1000 + sample)
        request = Request(problem.id, problem.messages, SamplingConfig(), (sample,), 0)
        rollout = Rollout.of(
            request, sample, policy=Policy("p", "p"), engine="asked", text=text, tokens=1, finish="stop"
        )
        outcome = "correct" if text == label.answer else "wrong"
        return Verdict.of(
            GradingCase(problem, label, rollout), verifier="exact", version="1", outcome=outcome, extracted=text
        )


TEST_SET = [
    Problem.of("Ada has 7 apples and buys 9 more. How many now?"),
    Problem.of("A question about trains and boats that stands in no pool of ours."),
]
BENCH = FilterContext(
    judge=Strict(),
    encoder=Tfidf(("1 2 3 apples are left", "how many")),
    neighbours=Brute(),
    tokenizer=Words(),
    policy=Asked(),
    benchmarks={"a test set": TEST_SET},
)


def problems() -> tuple[list[Problem], dict[str, list[Label]]]:
    """Good problems, and one of each kind that a filter may object to."""
    texts = [f"Ada has {n} apples and buys {n + 2} more. How many now?" for n in range(12)]
    texts += [
        "",
        "   ",
        "Ada  has 3 apples and buys 5 more. How many now? ",
        "Ada has 4 apples and buys 6 more.\nHow many now?",
    ]
    texts += [
        "数学の問題です。3と4の和は何ですか。",
        "Is it true? Answer yes or no.",
        "x" * 20_000,
        "What is $2^{2^{2}}$?",
    ]
    found = [Problem.of(text, source="scripted") for text in texts]
    answers = [str(index % 7) for index, _ in enumerate(found)]
    answers[1], answers[2] = "", "no number"
    labels = {
        each.id: [Label.of(each.id, answer, verifier="exact")] for each, answer in zip(found, answers, strict=True)
    }
    labels[found[5].id].append(Label.of(found[5].id, "999", verifier="exact"))
    return found, labels


def column(name: str, correct: np.ndarray, n: int = 8) -> np.ndarray:
    """A column as the pipeline makes it from `correct` of n attempts."""
    a, b = correct + 0.5, n - correct + 0.5
    rows = len(correct)
    known = {
        "post_a": a,
        "post_b": b,
        "mean": a / (a + b),
        "low": a / (a + b + 4),
        "high": (a + 2) / (a + b + 2),
        "correct": correct,
    }
    known |= {"wrong": n - correct, "truncated": np.zeros(rows, np.int64), "error": np.zeros(rows, np.int64)}
    known |= {"source": np.array([f"s{row % 3}" for row in range(rows)]), "length": 10 + np.arange(rows) % 17}
    known |= {"quality": 1.0 + np.arange(rows) % 5, "difficulty": 0.1 * (np.arange(rows) % 7)}
    known |= {"K": n - correct, "censored": correct == 0}
    return known[name]


def pool(needs: Sequence[str], correct: Sequence[int], *, clusters: int = 4) -> Pool:
    """A pool with exactly these columns."""
    right = np.asarray(correct, dtype=np.int64)
    rows = len(right)
    vectors = np.random.default_rng(7).normal(size=(rows, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Pool(
        tuple(f"p{row:04d}" for row in range(rows)),
        {name: column(name, right) for name in needs if name not in ("cluster", "vectors")},
        vectors.astype(np.float32) if "vectors" in needs else None,
        (np.arange(rows) * 7 % 5 % clusters).astype(np.int64) if "cluster" in needs else None,
    )


MIXED = [0, 1, 2, 3, 4, 5, 6, 7, 8] * 5
POOLS = {"mixed": MIXED, "one": [4], "alike": [4] * 10, "unsolved": [0] * 10, "solved": [8] * 10, "none": []}


def selection(name: str, of: Pool, budget: int, seed: int = 0):
    return made("selector", name).select(of, budget, np.random.default_rng(seed))


# Every part ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_a_part_is_a_frozen_dataclass_that_meets_its_port_and_says_what_it_does(kind, name):
    part = made(kind, name)
    assert isinstance(part, KINDS[kind])
    assert type(part).__dataclass_params__.frozen
    assert load(kind, name).__doc__
    assert not load(kind, name).__doc__.startswith(
        f"{load(kind, name).__name__}("
    )  # the one that dataclass writes by itself


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_an_unknown_setting_is_refused_with_its_neighbours(kind, name):
    with pytest.raises(ConfigError, match=r"has no setting 'zzz_unheard'.*(nearest|known)"):
        build(kind, name, {"zzz_unheard": 1})


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_an_unknown_name_is_refused_with_its_neighbours(kind, name):
    wrong = f"{name}x"
    if wrong not in names(kind):
        with pytest.raises(ConfigError, match=f"unknown {kind} '{wrong}'.*'{name}'"):
            build(kind, wrong)


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_every_setting_checks_its_type(kind, name):
    for field in dataclasses.fields(load(kind, name)):
        with pytest.raises(ConfigError, match=field.name):
            build(kind, name, {**SETTINGS.get((kind, name), {}), field.name: object()})


def test_listing_parts_imports_none_of_them():
    listing = "import sys; from assay.core.parts import ROOMS, names; found = [names(kind) for kind in ROOMS]"
    rooms = "('filters', 'scorers', 'selectors', 'curricula', 'engines', 'sources', 'verifiers')"
    code = f"{listing}; print([m for m in sys.modules if m.startswith(tuple(f'assay.{{r}}' for r in {rooms}))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Filters ---------------------------------------------------------------------------------------------------------------------


def sifted(name: str, found: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> list[Drop]:
    told = made("filter", name).sift(found, labels, BENCH)
    return sorted((each for each in told if isinstance(each, Drop)), key=lambda drop: drop.problem_id)


def relabelled(name: str, found: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> list[Label]:
    told = made("filter", name).sift(found, labels, BENCH)
    return sorted((each for each in told if isinstance(each, Label)), key=lambda label: label.id)


@filters
def test_a_filter_drops_only_what_it_was_given_once_each_with_a_one_word_reason(name):
    found, labels = problems()
    drops = sifted(name, found, labels)
    assert set(Counter(drop.problem_id for drop in drops).values()) <= {1}
    assert {drop.problem_id for drop in drops} <= {each.id for each in found}
    for drop in drops:
        assert drop.stage == "clean"
        assert drop.reason.isidentifier()
        assert drop.source == "scripted"


@filters
def test_a_filter_corrects_only_what_it_keeps_by_a_new_label_that_says_so(name):
    found, labels = problems()
    shuffled = [found[row] for row in np.random.default_rng(1).permutation(len(found))]
    fresh = relabelled(name, found, labels)
    assert relabelled(name, shuffled, labels) == fresh
    assert not {label.problem_id for label in fresh} & {drop.problem_id for drop in sifted(name, found, labels)}
    for label in fresh:
        assert label.origin != "gold"
        assert label.answer not in {old.answer for old in labels[label.problem_id]}


@filters
def test_a_filter_gives_an_equal_result_twice_and_shuffled(name):
    found, labels = problems()
    shuffled = [found[row] for row in np.random.default_rng(1).permutation(len(found))]
    assert sifted(name, found, labels) == sifted(name, found, labels)
    assert sifted(name, shuffled, dict(reversed(labels.items()))) == sifted(name, found, labels)


@filters
def test_a_filter_that_is_not_joint_judges_a_problem_alone_as_in_company(name):
    found, labels = problems()
    if made("filter", name).joint:
        return
    alone = [drop for each in found for drop in sifted(name, [each], {each.id: labels[each.id]})]
    assert sorted(alone, key=lambda drop: drop.problem_id) == sifted(name, found, labels)


@filters
def test_a_filter_has_an_answer_for_nothing_and_for_what_it_kept(name):
    assert list(made("filter", name).sift([], {}, BENCH)) == []
    found, labels = problems()
    gone = {drop.problem_id for drop in sifted(name, found, labels)}
    kept = [each for each in found if each.id not in gone]
    assert sifted(name, kept, {each.id: labels[each.id] for each in kept}) == []


# Scorers ---------------------------------------------------------------------------------------------------------------------

IDS = [f"q{number}" for number in range(60)]


@scorers
def test_a_scorer_scores_each_attempted_problem_once_and_no_other(name):
    scores = made("scorer", name).score(IDS, Recorded())
    counts = Recorded().draw(dict.fromkeys(IDS, 8))
    assert [score.problem_id for score in scores] == sorted(id_ for id_ in IDS if counts[id_].total)
    assert all(score.scorer == name for score in scores)


@scorers
def test_a_score_lies_inside_its_interval_and_has_counts(name):
    for score in made("scorer", name).score(IDS, Recorded()):
        assert score.low <= score.value <= score.high
        assert score.counts.total > 0
        assert (score.post_a is None) == (score.post_b is None)


@scorers
def test_a_scorer_gives_an_equal_result_twice_and_shuffled(name):
    part = made("scorer", name)
    shuffled = [IDS[row] for row in np.random.default_rng(1).permutation(len(IDS))]
    assert part.score(IDS, Recorded()) == part.score(IDS, Recorded()) == part.score(shuffled, Recorded())


@scorers
def test_a_scorer_that_is_not_joint_scores_a_problem_alone_as_in_company(name):
    part = made("scorer", name)
    if not part.joint:
        assert [score for id_ in sorted(IDS) for score in part.score([id_], Recorded())] == part.score(IDS, Recorded())


@scorers
def test_a_scorer_of_nothing_says_nothing(name):
    assert made("scorer", name).score([], Recorded()) == []


# Selectors -------------------------------------------------------------------------------------------------------------------


@selectors
@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("budget", [0, 1, 7, 10_000])
def test_a_selector_keeps_or_drops_each_problem_once_and_spends_its_budget_exactly(name, kind, budget):
    of = pool(made("selector", name).needs, POOLS[kind])
    chosen, willing = selection(name, of, budget), selection(name, of, len(of))
    told = [*chosen.ids, *(id_ for ids in chosen.dropped.values() for id_ in ids)]
    assert sorted(told) == list(of.ids)
    assert len(chosen.ids) == min(budget, len(willing.ids))
    assert list(chosen.ids) == sorted(chosen.ids)
    assert len(chosen.weights) == len(chosen.ids)
    assert all(weight > 0 for weight in chosen.weights)
    assert all(reason.isidentifier() and ids for reason, ids in chosen.dropped.items())


@selectors
def test_a_selector_that_is_given_the_whole_pool_drops_nothing_for_want_of_budget(name):
    assert "not_chosen" not in selection(name, pool(made("selector", name).needs, MIXED), len(MIXED)).dropped


@selectors
def test_a_selector_gives_an_equal_result_twice(name):
    of = pool(made("selector", name).needs, MIXED)
    assert selection(name, of, 11, seed=3) == selection(name, of, 11, seed=3)


@selectors
def test_a_selector_reads_a_clusters_number_as_a_name(name):
    of = pool(made("selector", name).needs, MIXED)
    if of.cluster is not None:
        renamed = dataclasses.replace(of, cluster=np.array([40, 7, 99, -3])[of.cluster])
        assert selection(name, renamed, 11) == selection(name, of, 11)


@selectors
def test_a_selector_leaves_its_pool_as_it_was(name):
    of, same = (pool(made("selector", name).needs, MIXED) for _ in range(2))
    selection(name, of, 11)
    for key in of.columns:
        np.testing.assert_array_equal(of.columns[key], same.columns[key])
    if of.vectors is not None:
        np.testing.assert_array_equal(of.vectors, same.vectors)


@selectors
def test_a_selector_refuses_a_missing_number_and_names_the_problem(name):
    of = pool(made("selector", name).needs, MIXED)
    for key, values in of.columns.items():
        if values.dtype.kind in "fi":
            broken = values.astype(np.float64)
            broken[3] = np.nan
            with pytest.raises(ValueError, match="'p0003'"):
                selection(name, dataclasses.replace(of, columns={**of.columns, key: broken}), 5)


@selectors
def test_a_selector_refuses_a_vector_without_direction_and_names_the_problem(name):
    of = pool(made("selector", name).needs, MIXED)
    for value in (np.nan, 0.0):
        if of.vectors is not None:
            broken = of.vectors.copy()
            broken[3] = value
            with pytest.raises(ValueError, match="'p0003'"):
                selection(name, dataclasses.replace(of, vectors=broken), 5)


@selectors
def test_a_selector_refuses_a_pool_that_lacks_what_it_needs(name):
    for missing in made("selector", name).needs:
        with pytest.raises(LookupError, match=missing.rstrip("s")):
            selection(name, pool([each for each in made("selector", name).needs if each != missing], MIXED), 5)


@selectors
def test_a_selector_refuses_a_negative_budget(name):
    with pytest.raises(ValueError, match="-1"):
        selection(name, pool(made("selector", name).needs, MIXED), -1)


# Curricula -------------------------------------------------------------------------------------------------------------------


@orders
@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("passes", [1, 3])
def test_a_curriculum_walks_every_problem_once_a_pass(name, kind, passes):
    part = build("curriculum", name, {"passes": passes})
    of = pool(part.needs, POOLS[kind])
    made_order = part.arrange(of, np.random.default_rng(0)).order
    assert Counter(made_order) == dict.fromkeys(of.ids, passes)
    assert all(set(made_order[n * len(of) : (n + 1) * len(of)]) == set(of.ids) for n in range(passes))


@curricula
def test_a_curriculum_gives_an_equal_result_twice(name):
    part = made("curriculum", name)
    of = pool(part.needs, MIXED)
    assert part.arrange(of, np.random.default_rng(3)) == part.arrange(of, np.random.default_rng(3))


@curricula
def test_a_curriculum_reads_a_clusters_number_as_a_name(name):
    part = made("curriculum", name)
    of = pool(part.needs, MIXED)
    if of.cluster is not None:
        renamed = dataclasses.replace(of, cluster=np.array([40, 7, 99, -3])[of.cluster])
        assert part.arrange(renamed, np.random.default_rng(3)) == part.arrange(of, np.random.default_rng(3))


@curricula
def test_a_curriculum_refuses_a_missing_number_and_names_the_problem(name):
    part = made("curriculum", name)
    of = pool(part.needs, MIXED)
    for key, values in of.columns.items():
        if values.dtype.kind == "f":
            broken = values.copy()
            broken[3] = np.nan
            with pytest.raises(ValueError, match="'p0003'"):
                part.arrange(dataclasses.replace(of, columns={**of.columns, key: broken}), np.random.default_rng(0))


@orders
def test_a_curriculum_refuses_no_pass(name):
    with pytest.raises(ConfigError, match="passes"):
        build("curriculum", name, {"passes": 0})


@courses
@pytest.mark.parametrize("kind", POOLS)
def test_an_online_curriculum_without_training_orders_every_problem_once(name, kind):
    part = made("curriculum", name)
    of = pool(part.needs, POOLS[kind])
    assert Counter(part.arrange(of, np.random.default_rng(0)).order) == dict.fromkeys(of.ids, 1)


def walked(course, steps: int) -> list[tuple[str, ...]]:
    """Choices of some steps, each answered by counts that follow from the problem's id alone."""
    chosen = []
    for _ in range(steps):
        ids = course.sample(3)
        chosen.append(ids)
        right = [hashlib.sha256(id_.encode()).digest()[0] % 9 for id_ in ids]
        course.observe(
            [
                GroupResult(id_, Counts(k, 8 - k), 2 * (k / 8 * (1 - k / 8)) ** 0.5)
                for id_, k in zip(ids, right, strict=True)
            ]
        )
    return chosen


@courses
@pytest.mark.parametrize("kind", POOLS)
def test_an_online_curriculum_resumes_exactly_after_every_step(name, kind):
    part = made("curriculum", name)
    of = pool(part.needs, POOLS[kind])
    whole = walked(part.begin(of, seed=4), 12)
    assert whole == walked(part.begin(of, seed=4), 12)
    assert {id_ for step in whole for id_ in step} <= set(of.ids)
    for done in (1, 5, 11):
        first, second = part.begin(of, seed=4), part.begin(of, seed=4)
        walked(first, done)
        with io.BytesIO() as file:
            np.savez(file, **first.state_dict())
            file.seek(0)
            second.load_state_dict(dict(np.load(file)))
        assert walked(second, 12 - done) == whole[done:]


@courses
def test_an_online_curriculum_is_another_for_another_seed_and_knows_it(name):
    part = made("curriculum", name)
    of = pool(part.needs, MIXED)
    with pytest.raises(ConfigError, match="another seed"):
        part.begin(of, seed=1).load_state_dict(part.begin(of, seed=0).state_dict())


@courses
def test_an_online_curriculum_keeps_choosing_when_no_problem_is_ever_solved(name):
    part = made("curriculum", name)
    of = pool(part.needs, MIXED)
    course = part.begin(of, seed=0)
    for _ in range(40):
        ids = course.sample(2)
        assert len(ids) == 2
        course.observe([GroupResult(id_, Counts(wrong=8)) for id_ in ids])
        weights = course.weights(ids)
        assert ((weights >= 0) & (weights <= 1)).all()
