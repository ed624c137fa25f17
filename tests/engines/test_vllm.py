import sys

import pytest

from assay.core.errors import PlanError
from assay.core.parts import build
from assay.core.ports import Engine, Streaming
from assay.engines.transformers import Transformers
from assay.engines.vllm import Vllm


def test_settings_out_of_range_are_one_line():
    with pytest.raises(PlanError, match=r"memory 1\.5"):
        build("engine", "vllm", {"memory": 1.5})
    with pytest.raises(PlanError, match="tensor_parallel_size 0"):
        build("engine", "vllm", {"tensor_parallel_size": 0})


def test_it_is_a_streaming_engine_whose_policy_loads_nothing():
    assert isinstance(Vllm(), Engine)
    assert isinstance(Vllm(), Streaming)
    assert Vllm().policy.revision == "b179c9523d0e6a0f"


@pytest.mark.model
def test_without_vllm_the_extra_is_named(monkeypatch, packaged, ask):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(PlanError, match=r"pip install 'assay-curation\[vllm\]'"):
        list(Vllm(packaged).generate([ask()]))


@pytest.mark.model
def test_greedy_tokens_are_those_of_transformers(packaged, ask):
    pytest.importorskip("vllm", reason="vLLM is not installed here; `make test-vllm` brings it")
    requests = [ask(f"What is {n}+{n + 2}?", samples=(0,), temperature=0.0) for n in range(20)]
    ours, reference = Vllm(packaged, context=1024, memory=0.3, dtype="float32", eager=True), Transformers(packaged, batch_size=20)
    pairs = list(zip(ours.generate(requests), reference.generate(requests), strict=True))
    assert [(a[0].text, a[0].tokens, a[0].finish, a[0].prompt_tokens) for a, _ in pairs] == [
        (b[0].text, b[0].tokens, b[0].finish, b[0].prompt_tokens) for _, b in pairs
    ]
    ours.close()
