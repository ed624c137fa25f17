import pytest

from assay.core.errors import EngineError
from assay.core.types import Policy, Problem, Request, Rollout, SamplingConfig
from assay.engines.requests.order import collect_in_order

POLICY, HOW = Policy("m", "r"), SamplingConfig()


def ask(task="1+1", samples=(0,), seed=0):
    problem = Problem.of(task)
    return Request(problem.id, HOW.render(problem), HOW, samples, seed)


def answer(request, sample=0, **more):
    return Rollout.of(request, sample, policy=POLICY, engine="x", text="2", tokens=1, finish="stop", **more)


def test_requests_come_in_their_order_whatever_arrives_first():
    first, second = ask("1+1", (0, 1)), ask("2+2")
    arriving = iter([(answer(second),), (answer(first, 1),), (), (answer(first, 0),)])
    groups = list(collect_in_order([first, second], arriving, revision="r"))
    assert [[(rollout.problem_id, rollout.sample) for rollout in group] for group in groups] == [
        [(first.problem_id, 0), (first.problem_id, 1)],
        [(second.problem_id, 0)],
    ]


def test_the_same_sample_under_two_seeds_goes_to_whoever_asked_for_it():
    first, second = ask(seed=1), ask(seed=2)
    arriving = iter([(answer(second), answer(first))])
    assert [group[0].seed for group in collect_in_order([first, second], arriving, revision="r")] == [
        first.seed_of(0),
        second.seed_of(0),
    ]


def test_the_same_sample_asked_for_twice_comes_twice_with_or_without_a_seed():
    for more in ({}, {"seed": -1}):
        assert [
            len(group) for group in collect_in_order([ask(), ask()], iter([(answer(ask(), **more),) * 2]), revision="r")
        ] == [1, 1]


def test_samples_that_end_too_early_say_how_many_are_missing():
    with pytest.raises(EngineError, match="1 of 2 samples never arrived"):
        list(collect_in_order([ask(samples=(0, 1))], iter([(answer(ask()),)]), revision="r"))
