"""The pools of `choosing_study`, and the hashes by which docs/log.md names its arms and setups."""

from types import SimpleNamespace

from benchmarks import _choosing_run
from benchmarks._choosing_pool import ANSWERS, clean_pool, make_messy, make_pool
from benchmarks._choosing_run import Arm, Setup
from benchmarks.choosing_study import ARMS, runs_of

from assay.verifiers.pool.grader import Grader


def test_arms_keep_the_hashes_that_were_written_down_before_they_ran() -> None:
    keys = {name: arm.key for name, arm in ARMS.items()}
    assert keys["uniform"] == "390796cc8a7e"
    assert keys["oracle"] == "ea9e9c877f5d"
    assert keys["bins"] == "a5cd7e3b3c18"
    assert keys["informative, 4 attempts each"] == "0111569a8a5e"
    assert len(set(keys.values())) == len(keys)
    assert Arm(settings={"passes": 3}, groups=8).key != keys["uniform"]
    setup = Setup("m", "revision", 0.15)
    assert setup.key == Setup("n", "revision", 0.15, family="sums", mess="").key == "50fda59f6291"
    assert (
        len(
            {
                setup.key,
                Setup("m", "revision", 0.15, family="products").key,
                Setup("m", "revision", 0.15, mess="raw").key,
            }
        )
        == 3
    )


def test_products_take_the_place_of_what_can_be_learnt() -> None:
    pool = make_pool(0.25, family="products")
    alive = pool.of_digits(2)
    assert len(alive) == round(0.25 * len(pool.problems))
    assert {pool.tasks[id_] for id_ in alive} == {"*"}
    assert {pool.tasks[id_] for id_ in pool.of_digits(3)} == {"+", "-"}
    assert not set(pool.held_out) & set(pool.problems)
    for id_, problem in pool.held_out.items():
        a, b = problem.text.rstrip("=").split("*")
        assert pool.golds[id_].answer == str(ANSWERS["*"](int(a), int(b)))


def test_filters_leave_few_faults_of_a_messy_pool() -> None:
    pool = make_pool(0.9)  # 2,000 problems
    messy = make_messy(pool)
    wrong = {id_ for id_ in pool.problems if messy.labels[id_].answer != pool.labels[id_].answer}
    assert len(wrong) == 400
    assert len(messy.problems) == 2000 + 400 + 100
    assert sum(label.answer == "?" for label in messy.labels.values()) == 100
    assert messy.held_out == pool.held_out
    with Grader(workers=1) as grader:
        clean = clean_pool(messy, grader)
    assert not any(label.answer == "?" for label in clean.labels.values())
    texts = [problem.text.strip() for problem in clean.problems.values()]
    assert len(set(texts)) == len(texts)
    left = sum(id_ in wrong for id_ in clean.problems)
    assert (
        280 < left < 350
    )  # a repeat with the right answer gives one wrong label in five away; the others look like right ones
    assert set(clean.problems) == set(clean.labels) == set(clean.digits) == set(clean.tasks)


def test_a_cleaned_pool_is_told_beside_the_same_pool_as_it_came() -> None:
    clean, raw, oracle = (
        Setup("m", "r", share, mess=mess) for share, mess in ((0.15, "clean"), (0.15, "raw"), (1.0, ""))
    )
    rows = [{"setup": setup.key, "arm": arm} for setup, arm in ((clean, "bins"), (raw, "uniform"), (oracle, "oracle"))]
    rows.append({"setup": "another", "arm": "uniform"})
    assert [row["arm"] for row in runs_of(rows, clean, oracle)] == ["bins", "oracle", "uniform, raw pool"]
    assert [row["arm"] for row in runs_of(rows, raw, oracle)] == ["uniform", "oracle"]


def test_scored_arms_keep_mixed_problems_or_the_highest_signal(monkeypatch) -> None:
    right = {"p0": 0, "p1": 1, "p2": 2, "p3": 4}
    rollouts = [SimpleNamespace(problem_id=id_, tokens=3, group=id_) for id_ in right for _ in range(4)]
    outcomes = ["correct" if n < count else "wrong" for count in right.values() for n in range(4)]
    verdicts = [SimpleNamespace(outcome=outcome) for outcome in outcomes]
    monkeypatch.setattr(_choosing_run, "attempts_of", lambda *_: (list(right), rollouts, verdicts))
    setup = Setup("m", "r", 0.15)

    def kept(**settings: int) -> list[str]:
        curve = _choosing_run.CurveSink(setup)
        found = _choosing_run.known_before(Arm(scored=4, **settings), 0, setup, make_pool(1.0), None, curve)
        assert (curve.rollouts, curve.tokens, curve.groups) == (16, 48, 0)
        return list(found["id"])

    assert kept() == ["p1", "p2"]
    assert kept(kept=1) == ["p2"]
    assert set(kept(kept=3)) > {"p1", "p2"}
    assert _choosing_run.known_before(Arm(), 0, setup, make_pool(1.0), None, _choosing_run.CurveSink(setup)) == {}
