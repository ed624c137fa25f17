import subprocess
import sys

import pytest

from assay.core.errors import ConfigError, EngineError
from assay.core.parts import build_part
from assay.engines.llamacpp import Llamacpp, drop_doubled_bos, split_into_runs
from assay.engines.models import registry

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = sys.modules["transformers"] = None  # as if they were not installed
from assay.core.types import Problem, Request, SamplingConfig
from assay.engines.llamacpp import Llamacpp
sampler, problem = SamplingConfig(max_tokens=4), Problem.of("What is 3+4?")
request = Request(problem.id, sampler.render(problem), sampler, (0, 1), 0)
print([rollout.tokens for rollout in next(iter(Llamacpp(sys.argv[1], slots=2, threads=1).generate([request])))])
"""


@pytest.fixture(scope="module")
def engine(packaged):
    built = Llamacpp(packaged, slots=4, threads=1, context=512)
    yield built
    built.close()


def test_a_gap_or_too_few_slots_cut_a_run():
    assert split_into_runs((), 4) == []
    assert split_into_runs((3,), 4) == [(3,)]
    assert split_into_runs(tuple(range(10)), 4) == [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9)]
    assert split_into_runs((0, 2, 3, 7), 4) == [(0,), (2, 3), (7,)]


def test_only_a_doubled_opening_is_removed():
    assert drop_doubled_bos([1, 1, 5], (1,)) == [1, 5]
    assert drop_doubled_bos([1, 5, 1], (1,)) == [1, 5, 1]
    assert drop_doubled_bos([], (1,)) == []


def test_settings_out_of_range_are_one_line():
    with pytest.raises(ConfigError, match="slots 0"):
        build_part("engine", "llamacpp", {"slots": 0})
    with pytest.raises(ConfigError, match="device 'tpu'"):
        build_part("engine", "llamacpp", {"device": "tpu"})


def test_the_policy_is_known_before_anything_is_loaded():
    engine = Llamacpp("smollm2-135m-instruct")
    assert engine.policy.revision == "b179c9523d0e6a0f"
    assert "_server" not in engine.__dict__


def test_a_missing_model_names_the_command(tmp_path, monkeypatch, ask):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match="assay doctor --install-model"):
        Llamacpp().count_tokens(ask())


@pytest.mark.model
def test_the_prompt_opens_once(engine, ask):
    prompt = engine._encode_prompt(ask())
    assert tuple(prompt[:1]) == engine._bos
    assert tuple(prompt[1:2]) != engine._bos
    assert engine.show(ask()).startswith("<|im_start|>system\n")
    assert engine.show(ask()).endswith("<|im_start|>assistant\n")


@pytest.mark.model
def test_each_choice_has_its_own_token_count(engine, ask):
    request = ask("Write a poem about the sea.", samples=(0, 1, 2, 3), temperature=1.3, max_tokens=24, stop=(",",))
    for rollout in next(iter(engine.generate([request]))):
        assert rollout.tokens >= len(engine._server.tokenize(rollout.text, special=False))
        assert rollout.tokens <= 24
        assert "," not in rollout.text


@pytest.mark.model
def test_the_few_shot_prefix_is_computed_once_a_run(engine, ask):
    requests = [ask("What is 8+1?"), ask("What is 3+9?")]
    for request in requests:
        choices = engine._draw_choices(request, engine._encode_prompt(request), (0, 1, 2, 3))
    computed, reused = choices[0]["timings"]["prompt_n"], choices[0]["timings"]["cache_n"]
    assert computed + reused == engine.count_tokens(requests[1])
    assert computed <= 12 < 60 <= reused


@pytest.mark.model
def test_more_samples_than_slots_are_drawn_in_turns(engine, ask):
    group = next(iter(engine.generate([ask("Write a poem.", samples=tuple(range(10)), max_tokens=3)])))
    assert [rollout.sample for rollout in group] == list(range(10))
    assert [rollout.seed - group[0].seed for rollout in group] == list(range(10))


@pytest.mark.model
def test_a_prompt_without_room_for_its_answer_is_an_error_and_the_next_goes_on(engine, ask):
    long, short = engine.generate([ask("word " * 600), ask()])
    assert {(rollout.finish, rollout.tokens) for rollout in long} == {("error", 0)}
    assert short[0].finish == "stop"


@pytest.mark.model
def test_a_cap_above_the_context_is_refused(engine, ask):
    with pytest.raises(ConfigError, match="max_tokens 512 does not fit into a context of 512"):
        list(engine.generate([ask(max_tokens=512)]))


@pytest.mark.model
def test_it_runs_without_torch_and_says_nothing_of_its_own(packaged):
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, packaged], capture_output=True, text=True, check=False
    )
    assert (process.stdout, process.stderr) == ("[4, 4]\n", "")


@pytest.mark.model
def test_samples_whose_template_raises_are_errors_and_the_next_goes_on(packaged, tmp_path, ask):
    pytest.importorskip("gguf")
    refusing = (
        "{% if 'sea' in messages[-1]['content'] %}{{ raise_exception('Not the sea') }}{% endif %}"
        "{{ messages[-1]['content'] }}="
    )
    command = [
        sys.executable,
        "-m",
        "gguf.scripts.gguf_new_metadata",
        "--chat-template",
        refusing,
        str(registry.find_gguf(packaged)),
        str(tmp_path / "m.gguf"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    other = Llamacpp(str(tmp_path / "m.gguf"), slots=1, threads=1, context=256)
    refused, drawn = other.generate([ask("The sea?", samples=(0, 1), shots=()), ask(samples=(0,), shots=())])
    assert [(rollout.finish, rollout.tokens, rollout.fault) for rollout in refused] == [("error", 0, "")] * 2
    assert drawn[0].finish != "error"
    with pytest.raises(EngineError, match="Not the sea"):
        other.show(ask("The sea?", shots=()))
    other.close()
