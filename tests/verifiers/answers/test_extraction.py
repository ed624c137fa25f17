"""Where an answer is found: kind by kind, and in time that grows with the text alone."""

import time

import pytest

from assay.verifiers.answers.extraction import (
    ExtractedAnswer,
    find_final_answer,
    find_first_number,
    find_last_number,
    find_unmarked_answer,
    measure_depth,
)

DRESS = [
    ("The answer is 73.", "73"),
    ("The final answer is: 73", "73"),
    ("Final Answer: **73**", "73"),
    ("**Final Answer:** 73", "73"),
    ("**Final Answer**\n\n73", "73"),
    ("### Final Answer\n73", "73"),
    ("## Answer: 73", "73"),
    ("### **Final Answer:**\n\n$73$", "$73$"),
    ("Answer: `73`", "73"),
    ("`Answer: 73`", "73"),
    ("*Answer:* 73", "73"),
    ("__Answer:__ 73", "73"),
    ("<strong>Final answer:</strong> 73<br>", "73"),
    ("<h3>Answer</h3>\n73", "73"),
    ("<p><b>Answer</b>: 73</p>", "73"),
    ("Answer:\n73", "73"),
    ("Answer:\n\n73\n", "73"),
    ("Answer:\n```\n73\n```", "73"),
    ("Answer:\n```text\n73\n```\n", "73"),
    ("The answer is\n\n$$\n73\n$$", "$$ 73 $$"),
    ("ANSWER: 73", "73"),
    ("THE ANSWER IS 73", "73"),
    ("FINAL ANSWER: 73", "73"),
    ("answer = 73", "73"),
    ("Answer - 73", "73"),
    ("Answer → 73", "73"),
    ("\\textbf{Answer: 73}", "73"),
    ("\\textbf{Answer:} 73", "73"),
    ("$\\text{Answer: } 73$", "73"),
    ("The answer to the question is 73.", "73"),
    ("The answer (in dollars) is 73.", "73"),
    ("So the answer should be 73", "73"),
    ("The answer turns out to be 73.", "73"),
    ("The answer is therefore 73.", "73"),
    ("The answer is as follows:\n73", "73"),
    ("The final answer is $\\frac{2}{3}$. I hope it is correct.", "$\\frac{2}{3}$"),
    ("#### 73", "73"),
    ("####73", "73"),
    ("work\n#### $1,234\n", "$1,234"),
    ("#### Step 1\nThe sum is 5.\n#### 73", "73"),
    ("The answer is 5.\n#### Check\n2+3 = 5, fine", "5"),
    ("The answer is (3, 4).", "(3, 4)"),
    ("The answer is 3 or 4.", "3 or 4"),
    ("The answer is 3.5. So", "3.5"),
    ("The answer is 10:45 p.m.", "10:45 p.m."),
    ("The answer is Mr. Smith.", "Mr. Smith"),
    ("The answer is 2/3.", "2/3"),
    ("The answer is $x^2 + 1$, as shown.", "$x^2 + 1$, as shown"),
    ('{"answer": "73"}', "73"),
    ('{"reasoning": "x", "answer": 73}', "73"),
    ('{"final_answer": "3 apples", "why": "2"}', "3 apples"),
    ("(Answer: 73)", "73"),
    ("The answer is 73!", "73"),
    ("The answer is 6. The answer is not 5.", "6"),
    ("The answer is 73 (rounded).", "73 (rounded)"),
    ("The answer is $5.\nShe had $10", "$5"),
    ("A: 73", "73"),
    ("The answer is **73** apples.", "73 apples"),
    ("The answer is: $$x = 73$$", "$$x = 73$$"),
    ("The answer is \\(73\\).", "\\(73\\)"),
    ("My final answer is 73", "73"),
    ("The correct answer is (B) Paris.", "(B) Paris"),
    ("answer: 73 ✅", "73 ✅"),
    ("So, the answer is thus:\n\n**73**", "73"),
    ("The answer is 1,234.50.", "1,234.50"),
    ("Hence the answers are 1 and 2.", "1 and 2"),
]
TAGS = [
    ("<answer>73</answer>", "73"),
    ("<answer> 73 </answer>\n", "73"),
    ("<answer>\n73\n</answer>", "73"),
    ("<answer>\\boxed{73}</answer>", "73"),
    ("<answer>The answer is 73.</answer>", "73"),
    ("<answer>4</answer> wait <answer>73</answer>", "73"),
    ("<answer>73", "73"),
    ("<ANSWER>73</ANSWER>", "73"),
    ("<answer>```\n73\n```</answer>", "73"),
    ("<answer>1 2\n3 4</answer>", "1 2\n3 4"),
    ("\\boxed{4} <answer>73</answer>", "73"),
]
THOUGHTS = [
    ("<think>\\boxed{4}</think>73", "73"),
    ("<thinking>Answer: 4</thinking>\nAnswer: 73", "73"),
    ("<|begin_of_thought|>Answer: 4<|end_of_thought|><|begin_of_solution|>Answer: 73<|end_of_solution|>", "73"),
    ("[THINK]Answer: 4[/THINK]Answer: 73", "73"),
    (
        "<|channel|>analysis<|message|>Answer: 4<|end|><|start|>assistant<|channel|>final<|message|>The answer is 73.<|return|>",
        "73",
    ),
    ("analysisThe answer is 4?assistantfinalThe answer is **73**.", "73"),
    ("<seed:think>Answer: 4</seed:think>Answer: 73", "73"),
    ("◁think▷Answer: 4◁/think▷Answer: 73", "73"),
    ("<|channel>thought\nAnswer: 4<channel|>Answer: 73", "73"),
    ("<reasoning>Answer: 4</reasoning>\n<answer>73</answer>", "73"),
    ("Here is my thought process: Answer: 4. Here is my response: Answer: 73", "73"),
    ("Answer: 4</think>\n\nAnswer: 73", "73"),
]
BOXES = [
    ("\\boxed{73}\n\nThis answer is consistent with the estimate.", "73"),
    ("\\boxed{73}. The answer is correct.", "73"),
    ("\\boxed{73}\nI hope this answer is right", "73"),
    ("\\boxed{5} is the count. So the answer is 6.", "6"),
    ("Answer: 6. Indeed \\boxed{7}", "7"),
    ("\\boxed{73}. To check the answer: 70 + 3 = 73.", "73"),
    ("\\boxed{\\text{73}}", "\\text{73}"),
    ("$\\boxed{1}$, $\\boxed{2}$, and $\\boxed{3}$", "1, 2, 3"),
    ("\\boxed{5}\n\nSo \\boxed{5}.", "5"),
]
TURNS = [
    ("The answer is 42.\n\nQ: There are 15\nA: The answer is 6.", "42"),
    ("The answer is 42.\n\nQuestion: There\nAnswer: 6", "42"),
    ("Answer: 42\n\nUser: more\nAssistant: Answer: 6", "42"),
    ("Answer: 42\nHuman: now\nAnswer: 7", "42"),
    ("\\boxed{42}\n\n### Instruction:\nx\n### Response:\n\\boxed{6}", "42"),
    ("#### 42\n\nQuestion: Ann\nAnswer: 5\n#### 5", "42"),
    ("\\boxed{42}<|im_end|>\n<|im_start|>user\n\\boxed{7}", "42"),
    ("The answer is 42.</s> The answer is 5.", "42"),
    ("Problem: Ann has 5. The answer is 42.\n\nProblem: Bob\nThe answer is 6.", "42"),
]
BLOCKS = [
    ("Answer:\n1 2 3\n4 5 6", "1 2 3\n4 5 6"),
    ("The answer is 1 2 3\n4 5 6", "1 2 3\n4 5 6"),
    ("Final answer:\n[[1, 2],\n [3, 4]]\nDone.", "[[1, 2],\n [3, 4]]"),
    ("Answer:\n- x = 1\n- x = 2", "- x = 1\n- x = 2"),
    ("Answer:\n73\nI hope this helps.", "73"),
    ("**Answer:**\n\n| a | b |\n| c | d |", "| a | b |\n| c | d |"),
]
LANGUAGES = [
    ("答案：73", "73"),
    ("答案是73。", "73"),
    ("答案是：**73**", "73"),
    ("最终答案：73", "73"),
    ("所以答案为 $73$。", "$73$"),
    ("因此，正确答案是B。", "B"),
    ("故选：D", "D"),
    ("答：她有73个苹果。", "她有73个苹果"),
    ("答えは 73 です。", "73"),
    ("答え：73", "73"),
    ("したがって、答えは73個です。", "73個"),
    ("最終的な答えは **73** です", "73"),
    ("정답: 73", "73"),
    ("따라서 정답은 73입니다.", "73"),
    ("답은 73이다.", "73"),
    ("최종 답: 73", "73"),
    ("Ответ: 73", "73"),
    ("Ответ: 73.", "73"),
    ("**Ответ:** 73", "73"),
    ("Итак, ответ — 73.", "73"),
    ("Правильный ответ: B", "B"),
    ("Die Antwort ist 73.", "73"),
    ("Antwort: 73", "73"),
    ("Die Antwort lautet 73", "73"),
    ("Das Ergebnis beträgt 73.", "73"),
    ("La réponse est 73.", "73"),
    ("Réponse : 73", "73"),
    ("La réponse finale est donc 73.", "73"),
    ("La respuesta es 73.", "73"),
    ("Respuesta: 73", "73"),
    ("La respuesta final es 73.", "73"),
    ("Respuesta final: 73", "73"),
    ("A resposta é 73.", "73"),
    ("Resposta: 73", "73"),
    ("A resposta final é 73", "73"),
    ("La risposta è 73.", "73"),
    ("Risposta: 73", "73"),
    ("La risposta finale è 73", "73"),
    ("الجواب هو ٧٣", "73"),
    ("الإجابة: ٧٣", "73"),
    ("الإجابة النهائية هي 73.", "73"),
    ("الجواب: 73", "73"),
    ("उत्तर: 73", "73"),
    ("उत्तर ७३ है।", "73"),
    ("अंतिम उत्तर 73 है", "73"),
    ("सही उत्तर है: 73", "73"),
    ("कुल 5. उत्तर: ७३", "73"),
    ("คำตอบคือ 73", "73"),
    ("คำตอบ: 73", "73"),
    ("ตอบ 73", "73"),
    ("ดังนั้น คำตอบคือ 73 ครับ", "73"),
    ("Đáp án: 73", "73"),
    ("Đáp án là 73.", "73"),
    ("Cevap: 73", "73"),
    ("Odpowiedź: 73", "73"),
    ("Het antwoord is 73.", "73"),
    ("Jawaban: 73", "73"),
    ("উত্তর: ৭৩", "73"),
    ("సమాధానం: 73", "73"),
    ("Jibu ni 73.", "73"),
    ("答案：７３", "73"),
]


@pytest.mark.parametrize(("text", "answer"), DRESS)
def test_an_announcement_is_read_in_any_dress(text, answer):
    assert find_final_answer(text, finished=True).text == answer


@pytest.mark.parametrize(("text", "answer"), TAGS)
def test_the_last_answer_tag_is_the_answer(text, answer):
    assert find_final_answer(text, finished=True).text == answer


@pytest.mark.parametrize(("text", "answer"), THOUGHTS)
def test_what_a_model_thinks_is_no_answer(text, answer):
    assert find_final_answer(text, finished=True).text == answer


@pytest.mark.parametrize(("text", "answer"), BOXES)
def test_boxes_and_later_announcements_are_told_apart(text, answer):
    assert find_final_answer(text, finished=True).text == answer


@pytest.mark.parametrize(("text", "answer"), TURNS)
def test_what_follows_the_answer_as_another_turn_is_cut_off(text, answer):
    assert find_final_answer(text, finished=True).text == answer


@pytest.mark.parametrize(("text", "answer"), BLOCKS)
def test_grids_lists_and_brackets_stay_whole(text, answer):
    assert find_final_answer(text, finished=True).text == answer


@pytest.mark.parametrize(("text", "answer"), LANGUAGES)
def test_answers_are_announced_in_many_languages(text, answer):
    assert find_final_answer(text, finished=True).text == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("\\boxed{1} no, \\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{\\text{\\{}} ", "\\text{\\{}"),
        ("\\boxed{3}, wait: \\boxed{4", "3"),
        ("The answer is 3. So: #### 5", "5"),
        ("The final answer is: $7$.", "$7$"),
        ("The answer is 3.5 metres. He left.", "3.5 metres"),
        ("The answer is:\n\\[\n\\frac{1}{2}\n\\]\n\nI hope so.", "\\[ \\frac{1}{2} \\]"),
        ("18", "18"),
    ],
)
def test_the_final_answer_is_what_was_marked_last(text, answer):
    assert find_final_answer(text).text == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "He has three.",
        "it could be 4 or 5",
        "\\boxed{",
        "####",
        "\\boxed{}",
        "Answer:",
        "<answer></answer>",
        "It is 5.</think>",
    ],
)
def test_where_nothing_is_marked_there_is_no_final_answer(text):
    answer = find_final_answer(text)
    assert answer is None or answer.how == "whole"


@pytest.mark.parametrize(
    "text",
    [
        "Use \\boxed{}. The answer is 5.",
        "The answer is 5.\n\nAnswer:",
        "\\boxed{5} ... \\boxed{",
        "<answer>5</answer> <answer></answer>",
    ],
)
def test_an_announcement_of_nothing_is_passed_over(text):
    assert find_final_answer(text).text == "5"


def test_an_unmarked_last_line_counts_in_finished_texts_only_and_not_beyond_doubt():
    assert find_final_answer("We add.\n73") is None
    assert find_final_answer("We add.\n73", finished=True) == ExtractedAnswer("73", "last", "not marked")
    assert find_final_answer("We add.\nSo **73** it is", finished=True) == ExtractedAnswer("73", "bold", "not marked")
    assert find_final_answer("We add.\n**Step 2:** and so on", finished=True) is None
    assert find_final_answer("We add.\n70 + 3 = 73", finished=True) is None
    assert find_final_answer("We add.\n\n**-150*y**", finished=True).text == "-150*y"
    assert find_final_answer("We get\n\\[\n\\frac12\n\\]", finished=True).text == "\\[ \\frac12 \\]"
    assert find_final_answer("We add.\n\n$5$ or $9$", finished=True).text == "$5$ or $9$"
    assert find_final_answer("We add.\n\nThis was a long and winding way to it", finished=True) is None
    assert find_final_answer("Answer: $\\log _{2} y_{1} > x_{1}$").text == "$\\log _{2} y_{1} > x_{1}$"


def test_a_denial_or_a_question_is_in_doubt_and_never_the_value_behind_it():
    assert find_final_answer("The answer is not 5.") == ExtractedAnswer("not 5", "marked", "a denial")
    assert find_final_answer("The answer is 4? let me verify").doubt == "a question"
    assert find_final_answer("The answer is 4? No. The answer is 6. Is it?").text == "6"


def test_an_answer_inside_an_open_thought_is_in_doubt():
    assert find_final_answer("<think>The answer is 4.").doubt == "inside an open thought"
    assert find_final_answer("The answer is 5. <think>or 4").text == "5"


def test_numbers_inside_words_are_not_read():
    assert find_last_number("7 cats, x2 and v1.5") == "7"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("So it is 2/3.", "2/3"),
        ("x is -3/4.", "-3/4"),
        ("一共卖了72个。", "72"),
        ("٧٢ ريال", "72"),
        ("７２円", "72"),
        ("in 1/2.", "1/2"),
        ("72ですよ", "72"),
    ],
)
def test_fractions_end_sentences_and_digits_may_touch_other_scripts(text, number):
    assert find_last_number(text) == find_first_number(text) == number


def test_depth_counts_open_brackets():
    assert [measure_depth(text) for text in ("", "{}", "{({})}", "}}}{")] == [0, 1, 3, 1]


HOSTILE = [
    "\\boxed{",
    "\\boxed{1}, ",
    "boxed ",
    "####",
    "#### Step\n",
    "The answer is ",
    "The answer is not ",
    "Answer:\n",
    "A:\n",
    "<think>",
    "</think>",
]
HOSTILE += [
    "\nQ:",
    "Answer: 5\nQ: ",
    "<answer>",
    "*",
    "answer (",
    "答案",
    "respuesta final ",
    "<|",
    '"answer": "',
    "[",
    "Answer:\n```\n",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_megabyte_made_to_hold_it_up_is_read_in_linear_time(piece):
    text = "Answer:\n" + piece * (1_000_000 // len(piece))
    began = time.process_time()
    find_final_answer(text, finished=True)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "text",
    [
        "So it is **12**.",
        "We add them.\n12",
        "so \\boxed{12",
        "<think>We add them.\n**12**",
        "It is done.",
        "a\n\n$x=2$",
    ],
)
def test_the_answer_of_a_finished_text_without_a_mark_can_be_asked_for_alone(text):
    assert find_final_answer(text) is None
    assert find_unmarked_answer(text) == find_final_answer(text, finished=True)
