import pytest

from assay.verifiers.answers.thinking import ends_in_thought, strip_thinking
from assay.verifiers.choice import Choice
from assay.verifiers.exact import Exact
from assay.verifiers.math.verifier import Math

PAIRS = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<Think>", "</Think>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),
    ("<mm:think>", "</mm:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("analysisWe add. ", "assistantfinal"),
    ("Here is my thought process: ", "Here is my response:"),
]


@pytest.mark.parametrize(("opening", "closing"), PAIRS)
def test_what_stands_behind_the_last_closed_thought_is_said(opening, closing):
    assert strip_thinking(f"{opening}4{closing} 5") == (" 5", False)
    assert not ends_in_thought(f"{opening}4{closing} 5")


@pytest.mark.parametrize(("opening", "closing"), PAIRS)
def test_a_thought_that_is_not_closed_is_seen(opening, closing):
    assert ends_in_thought(f"{opening}The answer is 4? let me verify")
    assert ends_in_thought(f"{opening}3{closing} {opening if opening[0] in '<[◁' else '<think>'}The answer is 4")


@pytest.mark.parametrize(
    "text", ["a < b and b > c", "I think so.", "[1, 2]", "<b>4</b>", "analysis of variance", "x <- 4 | y"]
)
def test_a_text_without_thoughts_is_said_as_a_whole(text):
    assert strip_thinking(text) == (text, False)
    assert not ends_in_thought(text)


def test_a_closing_tag_alone_ends_a_thought_that_the_prompt_began():
    assert strip_thinking("It is 4.\n</think>\nIt is 5.") == ("\nIt is 5.", False)


@pytest.mark.parametrize(
    "text",
    [
        "<think>The answer is 4? let me verify",
        "<think>so \\boxed{4} and",
        "<|channel|>analysis<|message|>Answer: 4",
        "[THINK]<answer>4</answer>",
    ],
)
def test_an_attempt_cut_inside_a_thought_is_truncated_whatever_it_mutters(case, text):
    for part, gold in ((Math(), "4"), (Exact(), "4"), (Choice(), "4")):
        verdict = part.judge(case(gold, text, finish="length"))
        assert (verdict.outcome, verdict.lenient) == ("truncated", None)


def test_an_attempt_cut_behind_its_thought_still_counts_where_it_is_right(case):
    assert Math().judge(case("4", "<think>5?</think> \\boxed{4} and", finish="length")).outcome == "correct"
