import time

import pytest

from assay.verifiers.reasoning_gym.answers import extract_answers

GRID = "1 2 3\n4 5 6\n7 8 9"


@pytest.mark.parametrize(
    "text",
    [
        f"<answer>{GRID}</answer>",
        f"<think>\n<answer>0 0</answer> no\n</think>\n<answer>\n{GRID}\n</answer>",
        f"<answer>1</answer> wait, <answer>{GRID}</answer>",
        f"<ANSWER>{GRID}</ANSWER>",
        f"<answer>\n```\n{GRID}\n```\n</answer>",
        f"<answer>{GRID}",
        f"So.\n\nThe answer is:\n{GRID}",
        f"So.\n\nThe answer is:\n\n{GRID}\n\nI am sure of it.",
        f"Final answer: {GRID}",
        f"**Answer:**\n```\n{GRID}\n```",
        f"## Answer\n\n```text\n{GRID}\n```\nThat is it.",
        f"**Final Answer**\n\n{GRID}",
        f"The solution is:\n{GRID}",
        f"<think>Answer: 3</think>{GRID}",
        GRID,
    ],
)
def test_a_grid_is_read_whole(case, text):
    assert GRID in [answer.text for answer in extract_answers(case(GRID, text))]


@pytest.mark.parametrize(
    ("gold", "text", "answer"),
    [
        ("12", "<answer>1,2</answer>", "1,2"),
        ("1234", "<answer>\\boxed{1,234}</answer>", "1234"),
        ("1234", "The answer is $1,234$.", "1234"),
        ("Wednesday", "It must be **Wednesday**.\n\n<answer>Wednesday</answer>", "Wednesday"),
        ("No", "**Answer:** No", "No"),
        ("He left the room.", "The answer is: He left the room.", "He left the room."),
        ("Sunday", "The answer is Sunday.", "Sunday"),
        ("Craig-James", "<think>\nlet me see\n</think>\n\n<answer> Craig-James </answer>", "Craig-James"),
        ("x", "<answer>`x`</answer>", "x"),
        ("_ Q\nQ _", "<answer>_ Q\nQ _</answer>", "_ Q\nQ _"),
        ("3", "\\boxed{3}", "3"),
        ("-4", "5 - 3 = 2 and 2 - 6 = -4", "-4"),
    ],
)
def test_other_answers_are_what_stands_there(case, gold, text, answer):
    assert answer in [each.text for each in extract_answers(case(gold, text))]


@pytest.mark.parametrize("text", ["<think>it is <answer>5</answer>", "so <answer>5", "5 and 6"])
def test_a_cut_text_must_have_finished_its_answer(case, text):
    assert all(answer.doubt for answer in extract_answers(case("5", text, finish="length")))


@pytest.mark.parametrize(
    "text",
    [
        "answer: <answer> ` \n" * 20_000,
        "<answer>```\n" + " " * 400_000 + "</answer>",
        "<answer>" + "```\n" * 100_000,
        "answer:\n```x\n" + "\t" * 400_000,
        "answer:\n" + "~~~\n\n" * 60_000,
        "\nanswer" + " *" * 200_000,
        "\n" * 400_000,
        "<answer>" * 50_000,
    ],
)
def test_a_hostile_text_is_read_in_linear_time(case, text):
    began = time.process_time()
    extract_answers(case("x", text))
    assert time.process_time() - began < 2
