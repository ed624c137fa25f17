from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.types import Policy, Problem, Request, Rollout, SamplingConfig
from assay.training.teacher.settings import TeacherSettings
from assay.training.teacher.teacher import SHOTS, SYSTEM, Teacher, feedback_prompt, parse_feedback

WELL = "<opinion>incorrect</opinion>\n<reason>I added twice.</reason>\n<phrase>So it is 4.\n\\boxed{4}</phrase>"


def test_feedback_is_read_in_its_three_parts() -> None:
    feedback = parse_feedback(WELL)
    assert feedback is not None
    assert (feedback.correct, feedback.text) == (False, "\n\nI added twice.\n\nSo it is 4.\n\\boxed{4}")
    assert "incorrect" not in feedback.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no tags",
        WELL + " and more",
        "Sure: " + WELL,
        WELL.replace("incorrect", "perhaps"),
        WELL.replace("<reason>I added twice.</reason>", ""),
        WELL.replace("I added twice.", " "),
        WELL.replace("</phrase>", ""),
        WELL.replace("I added twice.", "<phrase>x</phrase>"),
        WELL + WELL,
    ],
)
def test_anything_else_is_malformed(text: str) -> None:
    assert parse_feedback(text) is None


def test_the_examples_show_four_behaviours_in_the_form_that_is_read() -> None:
    assert [shot.behaviour for shot in SHOTS] == [
        "self-agreement",
        "self-conflict",
        "self-consultation",
        "self-critique",
    ]
    assert [shot.opinion for shot in SHOTS] == ["correct", "incorrect", "incorrect", "correct"]
    written = [message.content for message in feedback_prompt("q", "r") if message.role == "assistant"]
    assert all(parse_feedback(text) for text in written)


def test_a_teacher_sees_question_and_answer_and_no_gold() -> None:
    chat = feedback_prompt("What is 2+2?", "It is 5.")
    assert [message.role for message in chat] == ["system", *["user", "assistant"] * 4, "user"]
    assert chat[0].content == SYSTEM
    assert chat[-1].content == "Question:\nWhat is 2+2?\n\nResponse:\nIt is 5."


def test_a_teacher_is_asked_greedily_once_a_rollout_and_its_id_holds_what_it_is(tutor) -> None:  # type: ignore[no-untyped-def]
    problem = Problem.of("1+1=?")
    rollout = Rollout.of(
        Request(problem.id, (), SamplingConfig(), (0,), 0),
        0,
        policy=Policy("p", "0"),
        engine="",
        text="3",
        tokens=1,
        finish="stop",
    )
    tutor.malformed = 1
    reply = Teacher(tutor, max_tokens=9).request_feedback(["1+1=?", "1+1=?"], [rollout, rollout])
    assert [feedback is None for feedback in reply.feedback] == [True, False]
    assert [(request.samples, request.sampler.temperature, request.sampler.max_tokens) for request in tutor.seen] == [
        ((0,), 0.0, 9)
    ] * 2
    assert Teacher(tutor, 9).id == Teacher(tutor, 9).id != Teacher(tutor, 8).id


def test_a_copy_of_the_student_may_teach_and_what_it_babbles_changes_nothing(
    room: SimpleNamespace, edited: Any
) -> None:
    from assay.engines.transformers import Transformers

    copy = edited("config.json", max_position_embeddings=8192)  # the examples are some 3,000 letters
    teacher = Teacher(Transformers(str(copy), batch_size=4), max_tokens=8)
    every = TeacherSettings(schedule="constant", fraction=1.0, stop_step=None)
    room.train(
        steps=1, objective="aas", teacher_settings=every, teacher=teacher, sampler=SamplingConfig(max_tokens=100)
    )
    logged = room.sink.logs[0][1]
    assert (logged["guided"], logged["teacher_malformed"] > 0, logged["teacher_tokens"] > 0) == (0.0, True, True)
    assert not any(rollout.guided for rollout in room.sink.rollouts)
