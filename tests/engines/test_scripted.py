import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import ConfigError, EngineError
from assay.core.parts import build_part
from assay.engines.scripted import Scripted, add_terms


def _texts(engine, request):
    return [rollout.text for rollout in next(iter(engine.generate([request])))]


def test_listed_texts_come_in_turn(ask):
    engine = Scripted(answers={"What is 3+4?": ("7", "8")})
    assert _texts(engine, ask()) == ["7", "8", "7", "8"]


def test_a_problem_id_names_a_problem_too(ask):
    assert _texts(Scripted(answers={ask().problem_id: ("seven",)}), ask(samples=(5,))) == ["seven"]


def test_tokens_are_words_and_the_cap_cuts(ask):
    rollout = next(iter(Scripted(answers={"What is 3+4?": ("one two three",)}).generate([ask(max_tokens=2)])))[0]
    assert (rollout.text, rollout.tokens, rollout.finish) == ("one two", 2, "length")


def test_the_finish_can_be_set(ask):
    assert next(iter(Scripted(finish="error").generate([ask()])))[0].finish == "error"


def test_sums_are_right_at_each_problems_own_rate(ask):
    requests = [ask(f"What is {n} + 1?", samples=tuple(range(40))) for n in range(100)]
    rates = [
        sum(rollout.text == f"The answer is {n + 1}" for rollout in group) / 40
        for n, group in enumerate(Scripted(rule="sum").generate(requests))
    ]
    assert min(rates) < 0.1 < 0.4 < sum(rates) / len(rates) < 0.6 < 0.9 < max(rates)


def test_spread_says_the_first_text_or_another(ask):
    texts = set(
        _texts(Scripted(rule="spread", answers={"What is 3+4?": ("7", "8", "9")}), ask(samples=tuple(range(64))))
    )
    assert texts <= {"7", "8", "9"}


def test_it_fails_after_as_many_requests_as_set(ask):
    stream = Scripted(fail_after=1).generate([ask(), ask("What is 1+1?")])
    assert len(next(stream)) == 4
    with pytest.raises(EngineError, match="after 1 requests"):
        next(stream)


def test_another_script_is_another_policy():
    assert Scripted().policy == Scripted(delay_s=0.0).policy
    assert Scripted().policy.revision != Scripted(rule="sum").policy.revision


def test_a_listed_problem_without_texts_is_refused():
    with pytest.raises(ConfigError, match="no texts for 'x'"):
        build_part("engine", "scripted", {"answers": {"x": ()}})


@given(st.lists(st.integers(-99, 99), min_size=2, max_size=5))
def test_a_sum_is_the_sum_of_its_terms(numbers):
    text = str(numbers[0]) + "".join(f" {'+' if n >= 0 else '-'} {abs(n)}" for n in numbers[1:])
    assert add_terms(text) == sum(numbers)
