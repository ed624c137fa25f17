"""The bundled model: it is there, it is what its card says, and it is one policy wherever it is read."""

import json
from collections import defaultdict
from importlib.resources import files

import pytest

from assay.core.errors import ConfigError
from assay.core.ports import TruncatingEngine
from assay.core.types import Problem, Request, SamplingConfig
from assay.engines.models import registry
from assay.engines.transformers import Transformers

NAME = "tiny-arithmetic"
HOW = SamplingConfig(temperature=1.0, max_tokens=8)
CARD = {1: 0.98, 2: 0.64, 3: 0.02}  # mean pass rates by digits, as in docs/models.md


def ask(question: str, n: int = 16) -> Request:
    problem = Problem.of(question)
    return Request(
        problem.id, HOW.render(problem), HOW, tuple(range(1000, 1000 + n)), 5
    )  # samples that no recording holds


def problems() -> list[dict[str, object]]:
    return [
        json.loads(line) for line in (files("assay") / "data/recordings/tiny_problems.jsonl").read_text().splitlines()
    ]


def test_it_is_a_checkpoint_under_5_megabytes_that_needs_no_installation(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    folder = registry.find_checkpoint(NAME)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5e6
    assert registry.identify_policy(NAME).revision == registry.identify_policy(str(folder)).revision
    assert list(tmp_path.iterdir()) == []


def test_another_engine_is_told_who_reads_it():
    with pytest.raises(ConfigError, match=r"'tiny-arithmetic' is not a \.gguf file.*'transformers' reads"):
        registry.find_gguf(NAME)
    with pytest.raises(ConfigError, match="nearest: 'tiny-arithmetic'"):
        registry.find_checkpoint("tiny-arithmetics")


def test_any_reader_loads_it_as_float32():
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(registry.find_checkpoint(NAME))
    assert model.dtype == torch.float32
    assert 500_000 < sum(tensor.numel() for tensor in model.parameters()) < 2_000_000


def test_the_chat_template_opens_each_turn_once():
    shots = SamplingConfig(shots=(("1+1=", "2"),))
    problem = Problem.of("3+4=")
    engine = Transformers(NAME)
    assert (
        engine.show(Request(problem.id, shots.render(problem), shots, (0,), 0))
        == "<user>1+1=<assistant>2<end><user>3+4=<assistant>"
    )
    assert engine.count_tokens(ask("3+4=")) == 6


def test_every_ascii_text_and_line_break_survives_the_tokenizer():
    text = "What is (3 + 4)?\n~{|}" + "".join(map(chr, range(32, 127)))
    assert Transformers(NAME).show(ask(text)) == f"<user>{text}<assistant>"


def test_its_pass_rates_fall_with_the_digits_as_the_card_says():
    """Every sixth problem of the recording, 16 new samples each; the card's mean is near the measured one."""
    right: dict[object, list[bool]] = defaultdict(list)
    rows = problems()[::6]
    for row, rollouts in zip(
        rows, Transformers(NAME, batch_size=128).generate([ask(str(row["prompt"])) for row in rows]), strict=True
    ):
        assert {rollout.finish for rollout in rollouts} <= {"stop", "length"}
        right[row["digits"]] += [rollout.text == row["answer"] for rollout in rollouts]
    for digits, mean in CARD.items():
        solved = sum(right[digits]) / len(right[digits])
        assert abs(solved - mean) < 0.12, f"{digits} digits: {solved:.3f} against the card's {mean}"


def test_log_probabilities_are_those_at_the_samplers_temperature_before_top_p():
    import torch

    engine = Transformers(NAME, logprobs=True)
    config = SamplingConfig(temperature=0.5, top_p=0.9, max_tokens=8)
    problem = Problem.of("123+456=")
    request = Request(problem.id, config.render(problem), config, (0, 1, 2), 0)
    assert all(rollout.logprobs is None for rollout in next(iter(Transformers(NAME).generate([request]))))
    for rollout in next(iter(engine.generate([request]))):
        assert len(rollout.logprobs) == rollout.tokens
        prompt = engine._encode_prompt(request)
        tokens = engine._tokenizer(rollout.text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = engine._decoder.model(torch.tensor([[*prompt, *tokens]])).logits[0]
        expected = torch.log_softmax(logits / 0.5, dim=-1)
        for i, token in enumerate(tokens):
            assert rollout.logprobs[i] == pytest.approx(float(expected[len(prompt) - 1 + i, token]), abs=1e-3)


def test_a_search_by_single_tokens_goes_on_where_the_last_ended():
    """Greedy, token after token behind its own beginning says what it says at once."""
    engine, problem, config = Transformers(NAME), Problem.of("12+45="), SamplingConfig(temperature=0.0, max_tokens=8)
    whole = next(iter(engine.generate([Request(problem.id, config.render(problem), config, (0,), 0)])))[0]
    single_token, text = SamplingConfig(temperature=0.0, max_tokens=1), ""
    for _ in range(8):
        step = next(
            iter(engine.generate([Request(problem.id, single_token.render(problem), single_token, (0,), 0, text)]))
        )[0]
        text += step.text
        if step.finish == "stop":
            break
    assert (text, step.stopped) == (whole.text, "")


@pytest.mark.model
def test_a_text_is_cut_by_its_own_tokenizer_and_a_shorter_one_is_left_alone():
    engine = Transformers(model=NAME)
    assert "3 + 45 = 48".startswith(engine.truncate("3 + 45 = 48", 4))
    assert 0 < len(engine.truncate("3 + 45 = 48", 4)) < len("3 + 45 = 48")
    assert engine.truncate("3 + 45 = 48", 400) == "3 + 45 = 48"
    assert isinstance(engine, TruncatingEngine)
