import subprocess
import sys

import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import Message, Request
from assay.engines.llamacpp import Llamacpp
from assay.engines.transformers import Transformers

QUESTIONS = ("What is 8+1?", "What is 17+24?", "Is 7 a prime number?")


@pytest.fixture(scope="module")
def engine(packaged):
    built = Transformers(packaged, batch_size=8)
    yield built
    built.close()


def test_settings_out_of_range_are_one_line():
    with pytest.raises(ConfigError, match="batch_size must be at least 1, found 0"):
        build_part("engine", "transformers", {"batch_size": 0})
    with pytest.raises(ConfigError, match="dtype 'int3'"):
        build_part("engine", "transformers", {"dtype": "int3"})


def test_importing_it_imports_no_torch():
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, assay.engines.transformers; print('torch' in sys.modules, 'transformers' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "False False\n"


@pytest.mark.model
def test_both_local_engines_read_the_same_prompt_and_are_the_same_policy(engine, packaged, ask):
    other = Llamacpp(packaged, slots=1, threads=1)
    for request in [ask(question, system=system) for question in QUESTIONS for system in ("", "Be brief.")]:
        assert list(engine._encode_prompt(request)) == other._encode_prompt(request)
        assert engine.show(request) == other.show(request)
    assert engine.policy == other.policy
    other.close()


@pytest.mark.model
def test_the_prompt_opens_once(engine, ask):
    opening = engine._tokenizer.bos_token_id
    prompt = engine._encode_prompt(ask())
    assert prompt[0] == opening != prompt[1]


@pytest.mark.model
def test_greedy_text_is_that_of_plain_generate(engine, ask):
    import torch

    for request in [ask(question, samples=(0,), temperature=0.0) for question in QUESTIONS]:
        prompt = engine._encode_prompt(request)
        plain = engine._decoder.model.generate(torch.tensor([prompt]), max_new_tokens=12, do_sample=False)[
            0, len(prompt) :
        ]
        rollout = next(iter(engine.generate([request])))[0]
        assert rollout.text == engine._tokenizer.decode(plain, skip_special_tokens=True)
        assert rollout.tokens == len(plain)


@pytest.mark.model
def test_a_batch_of_several_problems_answers_like_each_alone(engine, ask):
    requests = [ask(question, samples=(0, 1), max_tokens=6) for question in QUESTIONS]
    together = list(engine.generate(requests))
    assert together == [next(iter(engine.generate([request]))) for request in requests]


@pytest.mark.model
def test_the_shared_prefix_is_computed_once(engine, ask):
    list(engine.generate([ask("What is 8+1?", samples=(0,), max_tokens=1)]))
    columns = []
    handle = engine._decoder.model.register_forward_pre_hook(
        lambda _, __, given: columns.append(given["input_ids"].shape[1]), with_kwargs=True
    )
    list(engine.generate([ask("What is 3+9?", samples=(0,), max_tokens=1)]))
    handle.remove()
    assert sum(columns) <= 12 < 60 < engine.count_tokens(ask("What is 3+9?"))


@pytest.mark.model
def test_text_ends_before_a_stop_string(engine, ask):
    for rollout in next(iter(engine.generate([ask("What is 8+1?", stop=("answer",))]))):
        assert "answer" not in rollout.text
        assert rollout.finish == "stop" or rollout.tokens == 12


@pytest.mark.model
def test_a_begun_answer_is_continued(engine, ask):
    request = ask("What is 8+1?")
    begun = Request(
        request.problem_id, (*request.messages, Message("assistant", "The answer")), request.sampler, (0,), 0
    )
    assert engine.show(begun).endswith("<|im_start|>assistant\nThe answer")


@pytest.mark.model
def test_a_prompt_without_room_for_its_answer_is_an_error_and_the_next_goes_on(engine, ask):
    long, short = engine.generate([ask("word " * 8200), ask(samples=(0,))])
    assert {(rollout.finish, rollout.tokens, rollout.text) for rollout in long} == {("error", 0, "")}
    assert short[0].finish == "stop"
