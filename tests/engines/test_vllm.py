import sys

import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.ports import Engine, StreamingEngine
from assay.engines.transformers import Transformers
from assay.engines.vllm import Vllm


def test_settings_out_of_range_are_one_line():
    with pytest.raises(ConfigError, match=r"memory 1\.5"):
        build_part("engine", "vllm", {"memory": 1.5})
    with pytest.raises(ConfigError, match="tensor_parallel_size 0"):
        build_part("engine", "vllm", {"tensor_parallel_size": 0})


def test_it_is_a_streaming_engine_whose_policy_loads_nothing():
    assert isinstance(Vllm(), Engine)
    assert isinstance(Vllm(), StreamingEngine)
    assert Vllm().policy.revision == "b179c9523d0e6a0f"


@pytest.mark.model
def test_without_vllm_the_extra_is_named(monkeypatch, packaged, ask):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ConfigError, match=r"pip install 'assay-curation\[vllm\]'"):
        list(Vllm(packaged).generate([ask()]))


@pytest.fixture(scope="module")
def engine(packaged):
    pytest.importorskip("vllm", reason="vLLM is not installed here; `make test-vllm` brings it")
    built = Vllm(packaged, context=1024, memory=0.3, dtype="float32", eager=True, logprobs=True)
    yield built
    built.close()


@pytest.mark.model
def test_greedy_tokens_are_those_of_transformers(engine, packaged, ask):
    requests = [ask(f"What is {n}+{n + 2}?", samples=(0,), temperature=0.0) for n in range(20)]
    pairs = list(zip(engine.generate(requests), Transformers(packaged, batch_size=20).generate(requests), strict=True))
    assert [(a[0].text, a[0].tokens, a[0].finish, a[0].prompt_tokens) for a, _ in pairs] == [
        (b[0].text, b[0].tokens, b[0].finish, b[0].prompt_tokens) for _, b in pairs
    ]


@pytest.mark.model
def test_each_token_has_its_log_probability_and_without_a_seed_none_is_recorded(engine, ask):
    (rollouts,) = engine.generate([ask("Write a poem about the sea.", samples=(0, 1, 2))])
    assert len({rollout.text for rollout in rollouts}) == 3
    for rollout in rollouts:
        assert rollout.seed == -1
        assert len(rollout.logprobs) == rollout.tokens == 12
        assert all(logprob <= 0 for logprob in rollout.logprobs)


@pytest.mark.model
def test_a_prompt_without_room_for_its_answer_is_an_error_and_the_next_goes_on(engine, ask):
    long, short = engine.generate([ask("word " * 1100), ask(samples=(0,))])
    assert {(rollout.finish, rollout.tokens, rollout.text) for rollout in long} == {("error", 0, "")}
    assert short[0].finish == "stop"


@pytest.mark.model
def test_a_long_answer_holds_up_nobody(engine, ask):
    requests = [
        ask("Write a long poem about the sea.", samples=(0,), max_tokens=48),
        *(ask(f"What is {n}+1?", samples=(0,)) for n in range(4)),
    ]
    rollouts = [rollout for some in engine.stream(requests) for rollout in some]
    assert len(rollouts) == 5
    assert rollouts[-1].problem_id == requests[0].problem_id, "it came first and is yielded last"
