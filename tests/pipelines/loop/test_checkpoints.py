import pytest

from assay.core.errors import ConfigError
from assay.core.policy_config import PolicyConfig
from assay.pipelines.loop.checkpoints import checkpoint_engine, policy_on_checkpoint


def policy(**settings: object) -> PolicyConfig:
    return PolicyConfig.model_validate(settings)


def test_llamacpp_gives_way_to_transformers_and_who_reads_folders_stays() -> None:
    assert [checkpoint_engine(policy(engine=name)) for name in ("llamacpp", "transformers", "vllm")] == [
        "transformers",
        "transformers",
        "vllm",
    ]


@pytest.mark.parametrize("engine", ["scripted", "replay", "openai"])
def test_an_engine_of_one_fixed_policy_is_refused(engine: str) -> None:
    with pytest.raises(ConfigError, match=rf"'{engine}' cannot load a checkpoint.*llamacpp, transformers, vllm"):
        checkpoint_engine(policy(engine=engine))


def test_the_sampler_stays_and_settings_that_the_other_engine_lacks_are_left_out() -> None:
    was = policy(
        engine="llamacpp",
        slots=4,
        device="cpu",
        temperature=0.7,
        revision="abc",
        shots=[{"user": "1+1=", "assistant": "2"}],
    )
    now = policy_on_checkpoint(was, "/a/folder", "transformers")
    assert (now.model, now.engine, now.revision, now.settings) == ("/a/folder", "transformers", "", {"device": "cpu"})
    assert now.sampler.id == was.sampler.id
    assert policy_on_checkpoint(was, was.model, "transformers").revision == "abc"
