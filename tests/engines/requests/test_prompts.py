import pytest

from assay.core.errors import ConfigError
from assay.core.types import Message, Request, SamplingConfig
from assay.engines.models.registry import find_checkpoint
from assay.engines.requests import prompts
from assay.engines.transformers import Transformers
from assay.engines.vllm import Vllm

pytest.importorskip("transformers")
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{{ messages[0]['content'] }}="
)


def _request(*messages, **sampler):
    return Request("p1", tuple(Message(*turn) for turn in messages), SamplingConfig(max_tokens=4, **sampler), (0, 1), 0)


@pytest.fixture
def tokenizer():
    tokenizer = prompts.load_tokenizer(find_checkpoint("tiny-arithmetic"), "tiny-arithmetic", extra="train")
    tokenizer.chat_template = NO_SYSTEM
    return tokenizer


def test_a_template_that_refuses_is_one_line_with_the_problem(tokenizer):
    with pytest.raises(
        ConfigError, match=r"^problem p1: the chat template rejects its messages: System role not supported$"
    ):
        prompts.encode_prompt(tokenizer, _request(("system", "Be brief."), ("user", "1+1")))


def test_a_prompt_is_what_the_template_wrote_and_nothing_beside(tokenizer):
    ids = prompts.encode_prompt(tokenizer, _request(("user", "1+1")))
    assert tokenizer.decode(ids).replace(" ", "") == "1+1="
    assert len(ids) == 4


def test_a_model_without_a_template_is_refused(tmp_path, tokenizer):
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="'mine' has no chat template"):
        prompts.load_tokenizer(tmp_path, "mine", extra="train")


def test_samples_whose_template_raises_are_errors_and_the_others_are_drawn(tokenizer):
    """verl counts such a row as too long and drops it; here it is neither dropped nor wrong, and ends no run."""
    engine = Transformers("tiny-arithmetic")
    engine.__dict__["_tokenizer"] = tokenizer
    refused, drawn = engine.generate([_request(("system", "Be brief."), ("user", "1+1")), _request(("user", "2+2"))])
    assert [(rollout.finish, rollout.tokens, rollout.text, rollout.fault) for rollout in refused] == [
        ("error", 0, "", "")
    ] * 2
    assert all(rollout.finish != "error" and rollout.tokens for rollout in drawn)


def test_vllm_reports_a_refused_template_without_being_asked_for_a_token(tokenizer):
    engine = Vllm("tiny-arithmetic")
    engine.__dict__["_tokenizer"] = tokenizer
    (refused,) = engine.generate([_request(("system", "Be brief."), ("user", "1+1"))])
    assert [(rollout.finish, rollout.sample, rollout.prompt_tokens) for rollout in refused] == [
        ("error", 0, 0),
        ("error", 1, 0),
    ]
