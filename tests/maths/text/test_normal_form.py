from assay.core.types import Message, Problem
from assay.maths.text.normal_form import bare_text, bare_turns, same_key


def test_a_system_turn_of_instructions_is_none_and_another_is_one():
    asked = Message("user", "What is 2 + 3?")
    plain = Problem.of((asked,))
    told = Problem.of(
        (Message("system", "Please reason step by step, and put your final answer within \\boxed{}."), asked)
    )
    other = Problem.of((Message("system", "All numbers are in base 7."), asked))
    assert same_key(plain) == same_key(told) != same_key(other)
    assert plain.id != told.id


def test_a_lone_instruction_stays_what_it_is():
    assert bare_turns(Problem.of("Think step by step.")) == (("user", "Think step by step."),)
    assert bare_text(Problem.of("a")) == "a"


def test_media_count():
    assert same_key(Problem.of("x", media=("a",))) != same_key(Problem.of("x"))
