import pytest

from assay.core.types import Policy, Problem, Request, Rollout, Sampler
from assay.engines._serving import CAP, Failed, Wrong, answered, question

TURN = {"role": "user", "content": "2+2"}


def rollout(**told):
    problem = Problem.of("2+2")
    request = Request(problem.id, problem.messages, Sampler(), (0,), 0)
    return Rollout.of(request, 0, **{"policy": Policy("m", "r"), "engine": "scripted", "text": "4", "tokens": 1, "finish": "stop", **told})


def test_a_body_becomes_a_question_with_the_protocols_defaults():
    asked = question({"messages": [TURN]})
    assert (asked.sampler.temperature, asked.sampler.top_p, asked.sampler.max_tokens, asked.n) == (1.0, 1.0, CAP, 1)
    told = question({"messages": [TURN], "max_completion_tokens": 7, "max_tokens": 9, "stop": "\n", "n": 3, "temperature": 0, "top_k": -1})
    assert (told.sampler.max_tokens, told.sampler.stop, told.n, told.sampler.temperature, told.sampler.top_k) == (7, ("\n",), 3, 0.0, 0)


def test_text_parts_are_one_text_and_a_begun_answer_is_continued():
    parts = {"role": "user", "content": [{"type": "text", "text": "2+"}, {"type": "text", "text": "2"}]}
    asked = question({"messages": [parts, {"role": "assistant", "content": "It is"}], "continue_final_message": True})
    assert ([turn.content for turn in asked.messages], asked.prefix) == (["2+2"], "It is")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "at least one"),
        ({"messages": [TURN], "tools": [{}]}, "tools"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "a role and a text"),
        ({"messages": [{"content": "2+2"}]}, "a role and a text"),
        ({"messages": [TURN], "temperature": -1}, "out of range"),
        ({"messages": [TURN], "top_p": 0}, "out of range"),
        ({"messages": [TURN], "n": 2000}, "out of range"),
    ],
)
def test_what_this_server_cannot_do_is_said(body, words):
    with pytest.raises(Wrong, match=words):
        question(body)


def test_an_engine_that_failed_may_be_asked_again_and_one_that_could_not_may_not():
    assert answered(rollout()).text == "4"
    with pytest.raises(Failed, match="boom"):
        answered(ValueError("boom"))
    with pytest.raises(Wrong, match="9 tokens"):
        answered(rollout(finish="error", prompt_tokens=9))
