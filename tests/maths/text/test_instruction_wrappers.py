import time

import pytest

from assay.maths.text.instruction_wrappers import only_instructions, strip_instructions

ASKED = "Mia read 12 pages on Monday, and twice as many on Tuesday. How many pages did she read?"
FORMULA = "Compute $\\sqrt{242}$."
WRAPPERS = [
    '@ Let\'s think step by step and output the final answer after "####".',
    "@ Let's think step by step and output the final answer within \\boxed{}.",
    "Solve the following math problem step by step. The last line of your response should be of the form Answer: $Answer (without quotes) "
    'where $Answer is the answer to the problem.\n\n@\n\nRemember to put your answer on its own line after "Answer:".',
    "@\n\nPlease reason step by step, and put your final answer within \\boxed{}.",
    "Please reason step by step, and put your final answer within \\boxed{}.\n@",
    "Question: @\nAnswer:",
    "Problem: @\n\nSolution:",
    "Q: @\nA: Let's think step by step.",
    "<|im_start|>system\nPlease reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n"
    "<|im_start|>user\n@<|im_end|>\n<|im_start|>assistant\n",
    "@\nPut the result in <answer> </answer> tags.",
    "@ 请通过逐步推理来解答问题，并把最终答案放置于\\boxed{}中。",
    "You are a helpful assistant. @ Show your work.",
    "Here is a question for you: @ Give only the final answer.",
]


@pytest.mark.parametrize("asked", [ASKED, FORMULA])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_an_instruction_around_a_problem_comes_off(wrapper, asked):
    text = wrapper.replace("@", asked)
    assert strip_instructions(text) == asked


@pytest.mark.parametrize(
    "text",
    [
        "How many steps does she climb, step by step, until the answer is 5?",
        "Find x. Express your answer as a common fraction.",
        "Enter your answer in the form $(r, \\theta)$.",
        "Round your answer to the nearest cent.",
        "A box holds 12 pens. How many boxes hold 60 pens?",
        "You have 5 apples. How many are left?",
        "Solve for $x$: $2x + 1 = 5$.",
        "Show that 5 divides $n^5 - n$, and give the remainder.",
        "Her answer is 7. What was the question?",
        "",
        "Answer:",
    ],
)
def test_what_belongs_to_the_problem_stays(text):
    assert strip_instructions(text) == text


def test_a_system_turn_of_instructions_alone_is_known():
    assert only_instructions("Please reason step by step, and put your final answer within \\boxed{}.")
    assert not only_instructions("All numbers are in base 7.")


def test_many_sentences_take_no_time():
    text = "Think step by step. " * 10_000 + ASKED
    began = time.process_time()
    assert strip_instructions(text) in (ASKED, text)
    assert time.process_time() - began < 5  # .7 s; ten times that where it grows with the square
