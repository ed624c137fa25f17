"""Keys stay out of what is written, and come from the environment where a setting names a variable."""

import pytest

from assay.core.errors import ConfigError
from assay.core.secrets import environment_variables, find_secrets, redact_secrets, resolve_environment


@pytest.mark.parametrize(
    "name",
    ["api_key", "API-KEY", "judge_token", "hf_token", "password", "Authorization", "client_secret", "key", "token"],
)
def test_a_name_that_promises_a_secret_hides_its_value(name: str) -> None:
    assert redact_secrets({"judge": {name: "sk-live-1"}}) == {"judge": {name: "***"}}
    assert find_secrets({"judge": {name: "sk-live-1"}}) == [f"judge.{name}"]


@pytest.mark.parametrize("name", ["answer_key", "eos_token", "max_tokens", "key_env", "keywords", "url"])
def test_a_harmless_name_stays(name: str) -> None:
    assert redact_secrets({name: "x"}) == {name: "x"}


def test_a_reference_is_no_secret_and_an_empty_value_neither() -> None:
    settings = {"api_key": "env:JUDGE_KEY", "password": "", "token": 3}
    assert (redact_secrets(settings), find_secrets(settings)) == (settings, [])


def test_references_are_looked_up_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "sk-1")
    settings = {"a": ["env:JUDGE_KEY", "env:JUDGE_KEY and more"], "b": {"c": "env:JUDGE_KEY"}, "d": 1}
    assert environment_variables(settings) == ["JUDGE_KEY"]
    assert resolve_environment(settings, "x") == {"a": ["sk-1", "env:JUDGE_KEY and more"], "b": {"c": "sk-1"}, "d": 1}


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(
        ConfigError, match="verifier 'm:f': api_key = 'env:JUDGE_KEY': the environment variable JUDGE_KEY"
    ):
        resolve_environment({"api_key": "env:JUDGE_KEY"}, "verifier 'm:f'")
