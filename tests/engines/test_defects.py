"""Defects that were read or reported elsewhere, and what happens here instead, one row per defect.

Tests named after `->` lie in other files.

    where                                   what there                          here
    open-r1 compute_pass_rate.py            one call samples and filters, and   what arrived before a crash has been
                                            a crash empties it                  yielded
    open-instruct filtering_vllm.py         the whole data set in one call,     an answer comes while most requests
                                            no partial result                   are unread
    open-r1, open-instruct                  the finish reason is dropped        every rollout has one; an answer cut by
                                                                                the cap says `length`
    TRL 5697, vllm speculators 835          nearly all answers are cut,         the same
                                            and nobody is told
    Reasoning360 run_reward.py              a missing result counts as wrong    it is an `error` -> test_openai,
                                                                                a_sample_that_always_fails
    lighteval PassAtK, bespoke curator 283  fewer predictions than samples      one rollout per sample, whatever happens
    bespoke curator 226, 296                finished answers are asked for      only the failed -> test_openai,
                                            again with the failed               a_failed_sample_is_asked_for
    verl rl_dataset.py                      a row whose chat template raises    an `error` of its samples ->
                                            is dropped as too long              requests/test_prompts, test_llamacpp
    retaining-by-doing 5, vLLM 27517,       two opening tokens                  one -> test_transformers, test_llamacpp,
    lm-eval 1841                                                                the_prompt_opens_once
    vLLM 51226, 11953, 7808                 seeds are ignored or shared         each sample has its own ->
                                                                                hf/test_continuous_batching
    labs-molt 50, prime-rl 1205             rates of what arrived first, which  those in flight are finished ->
                                            are the short answers               hf/test_continuous_batching
    longcot 5                               ids collide across sources          an id is the hash of the content
"""

import pytest

from assay.core.errors import EngineError
from assay.core.types import Problem, Request, SamplingConfig
from assay.engines.scripted import Scripted
from assay.engines.transformers import Transformers

TINY = "tiny-arithmetic"
BUILD = {"scripted": lambda: Scripted(rule="sum"), "transformers": lambda: Transformers(TINY, batch_size=4)}


def ask(task, samples=(0, 1, 2), max_tokens=6, **sampler):
    problem, config = Problem.of(task), SamplingConfig(max_tokens=max_tokens, **sampler)
    return Request(problem.id, config.render(problem), config, samples, 0)


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    """A small model is fastest so."""


@pytest.fixture(params=BUILD)
def engine(request):
    if request.param == "transformers":
        pytest.importorskip("torch")
    return BUILD[request.param]()


def test_what_arrived_before_a_crash_has_been_yielded():
    groups = []
    with pytest.raises(EngineError, match="fails after 2 requests"):
        groups.extend(Scripted(fail_after=2).generate([ask(f"{n}+1=") for n in range(5)]))
    assert [len(group) for group in groups] == [3, 3]


def test_an_answer_comes_while_most_of_the_requests_are_unread():
    pytest.importorskip("torch")
    requested = []

    def thousand():
        for n in range(1000):
            requested.append(n)
            yield ask(f"{n}+1=")

    stream = BUILD["transformers"]().stream(thousand())
    assert next(some for some in stream if some)
    stream.close()
    assert len(requested) < 10


def test_every_sample_has_one_rollout_whatever_happens_to_it(engine):
    requests = [ask("1+1="), ask("2+2=", samples=()), ask("1+" * 400, samples=(4, 7)), ask("3+3=", samples=(9,))]
    groups = list(engine.generate(requests))
    assert [tuple(rollout.sample for rollout in group) for group in groups] == [request.samples for request in requests]
    assert len({rollout.id for group in groups for rollout in group}) == 6


def test_an_answer_that_the_cap_cut_says_so(engine):
    for rollout in next(iter(engine.generate([ask("37+45=", max_tokens=1)]))):
        assert (rollout.finish, rollout.tokens) == ("length", 1)


def test_the_same_number_in_two_sources_is_two_problems(engine):
    first, second = engine.generate([ask("1+1="), ask("1+2=")])
    assert {rollout.id for rollout in first}.isdisjoint(rollout.id for rollout in second)
