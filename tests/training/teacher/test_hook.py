"""A guided sequence replaces a rollout in its group, is rewarded by its final answer, and is no evidence of the student."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assay.core.errors import ConfigError, EngineError
from assay.core.types import Rollout, SamplingConfig, Verdict
from assay.training.teacher.hook import choose_rollouts
from assay.training.teacher.settings import TeacherSettings
from assay.training.teacher.teacher import Teacher

LONG = SamplingConfig(max_tokens=100)  # a random model ends about once in 46 tokens
ALL = TeacherSettings(schedule="constant", fraction=1.0, stop_step=None)


def step(outcomes: str, finishes: str = "") -> tuple[list[Rollout], list[Verdict]]:
    """Groups of four; c = right, w = wrong, e = verifier error; finishes s or l."""
    rollouts, verdicts = [], []
    names: dict[str, Any] = {"c": "correct", "w": "wrong", "e": "verifier_error"}
    for place, outcome in enumerate(outcomes):
        finish: Any = "length" if finishes and finishes[place] == "l" else "stop"
        rollouts.append(Rollout(str(place), "p", "r", "n", "s", place, -1, "x", 1, finish, group=str(place // 4)))
        verdicts.append(Verdict(str(place), str(place), "l", "v", "1", names[outcome], 0.0))
    return rollouts, verdicts


def places(outcomes: str, need: str, share: float = 1.0, finishes: str = "", seed: int = 0) -> list[int]:
    return choose_rollouts(*step(outcomes, finishes), need, share, np.random.default_rng(seed))


def test_by_need_only_the_wrong_or_only_groups_that_all_failed_are_helped() -> None:
    assert places("cwwcwwww", "any") == list(range(8))
    assert places("cwwcwwww", "wrong") == [1, 2, 4, 5, 6, 7]
    assert places("cwwcwwww", "failed") == [4, 5, 6, 7]
    assert places("ewwwwwww", "failed") == [4, 5, 6, 7]  # what could not be judged is not known to be wrong


def test_only_finished_answers_are_shown_to_the_teacher() -> None:
    assert places("wwww", "any", finishes="slsl") == [0, 2]


def test_the_choice_depends_on_the_seed_alone_and_has_the_share_on_average() -> None:
    assert places("wwwwwwww", "any", 0.5, seed=3) == places("wwwwwwww", "any", 0.5, seed=3)
    counts = [len(places("wwww" * 5, "any", 0.3, seed=seed)) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(6.0, abs=0.25)
    assert places("wwww", "any", 0.0) == []


def guided(room: SimpleNamespace, tutor: Any, **changes: Any) -> Any:
    settings = replace(ALL, **{name: changes.pop(name) for name in list(changes) if name in TeacherSettings.__slots__})
    return room.train(
        **{
            "steps": 1,
            "objective": "aas",
            "teacher_settings": settings,
            "teacher": Teacher(tutor),
            "sampler": LONG,
            **changes,
        }
    )


def test_guided_sequences_replace_their_rollouts_and_are_judged_by_their_end(room: SimpleNamespace, tutor: Any) -> None:
    guided(room, tutor)
    rollouts, verdicts = room.sink.writes[0]
    trained, aside = rollouts[:4], rollouts[4:]
    replaced = [rollout for rollout in trained if rollout.guided]
    assert replaced
    assert len(aside) == len(replaced) == len(tutor.seen)
    for rollout in replaced:
        own = next(rollout_aside for rollout_aside in aside if rollout_aside.sample == rollout.sample)
        assert rollout.text == f"{own.text}\n\nwait\n\nso 2"
        assert (rollout.finish, own.guided, own.advantage) == ("stop", False, None)
        assert rollout.id != own.id
        assert rollout.advantage is not None
    judged = {verdict.rollout_id: verdict for verdict in verdicts}
    assert all((judged[rollout.id].outcome == "correct") == (len(rollout.text) % 2 == 0) for rollout in rollouts)
    assert room.sink.logs[0][1]["guided"] == len(replaced)


def test_advantages_are_those_of_the_group_with_the_guided_in_it(room: SimpleNamespace, tutor: Any) -> None:
    guided(room, tutor, objective="dr_grpo")
    rollouts, verdicts = room.sink.writes[0]
    rewards = {verdict.rollout_id: verdict.reward for verdict in verdicts}
    mean = sum(rewards[rollout.id] for rollout in rollouts[:4]) / 4
    assert [rollout.advantage for rollout in rollouts[:4]] == pytest.approx(
        [rewards[rollout.id] - mean for rollout in rollouts[:4]]
    )


def test_malformed_feedback_leaves_the_rollout_as_it_was(room: SimpleNamespace, tutor: Any) -> None:
    tutor.text = "no tags at all"
    guided(room, tutor)
    assert not any(rollout.guided for rollout in room.sink.rollouts)
    assert len(room.sink.rollouts) == 4
    assert room.sink.logs[0][1]["teacher_malformed"] == len(tutor.seen) > 0


def test_feedback_beyond_the_window_leaves_the_rollout_as_it_was(room: SimpleNamespace, tutor: Any) -> None:
    tutor.text = f"<opinion>correct</opinion><reason>{'1' * 300}</reason><phrase>2</phrase>"
    guided(room, tutor)
    assert not any(rollout.guided for rollout in room.sink.rollouts)
    assert room.sink.logs[0][1]["teacher_too_long"] == len(tutor.seen) > 0


def seen_by_the_loss(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    from assay.training.objectives.aas import Aas

    seen: list[Any] = []
    original = Aas.per_token
    monkeypatch.setattr(Aas, "per_token", lambda self, tokens: seen.append(tokens) or original(self, tokens))
    return seen


@pytest.mark.parametrize("mask", ["whole", "teacher"])
def test_the_objective_sees_which_tokens_are_guided(
    room: SimpleNamespace, tutor: Any, monkeypatch: pytest.MonkeyPatch, mask: str
) -> None:
    seen = seen_by_the_loss(monkeypatch)
    guided(room, tutor, mask=mask)
    (tokens,) = seen
    trained, aside = room.sink.rollouts[:4], room.sink.rollouts[4:]
    own = sum(rollout.tokens - 1 for rollout in aside)  # without their ends
    whole = sum(rollout.tokens for rollout in trained if rollout.guided)
    assert int((tokens.guided * tokens.mask).sum()) == tokens.step_guided == (whole if mask == "whole" else whole - own)


def test_when_the_student_goes_on_the_teachers_tokens_are_left_out_of_the_loss(
    room: SimpleNamespace, tutor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = seen_by_the_loss(monkeypatch)
    guided(room, tutor, student_continues=True)
    (tokens,) = seen
    trained, aside = room.sink.rollouts[:4], room.sink.rollouts[4:]
    added = len("wait") + len("so 2")  # characters are tokens, and line ends are none in this alphabet
    lengths = sum(rollout.tokens for rollout in trained)
    assert any(rollout.guided for rollout in trained)
    assert lengths - int(tokens.mask.sum()) >= added * len(aside)
    assert tokens.step_tokens == int(tokens.mask.sum())
    assert int(tokens.guided.sum()) == 0


def test_after_its_last_step_the_teacher_is_not_asked(room: SimpleNamespace, tutor: Any) -> None:
    guided(room, tutor, steps=3, stop_step=1)
    assert {rollout.step for rollout in room.sink.rollouts if rollout.guided} == {0}


def test_a_group_that_all_failed_gets_the_demonstration_that_the_verifier_accepts(
    room: SimpleNamespace, tutor: Any
) -> None:
    tutor.text = "malformed"
    room.judge.judge = lambda cases: [  # right is "22" and nothing else
        Verdict.of(case, verifier="exact", version="1", outcome="correct" if case.rollout.text == "22" else "wrong")
        for case in cases
    ]
    guided(room, tutor, gold_fallback=True, demonstrations=lambda id_: ("21", "22", "23"))
    shown = [rollout for rollout in room.sink.rollouts if rollout.guided]
    assert [rollout.text for rollout in shown] == ["22"]
    assert shown[0].advantage > 0


def test_a_teacher_that_is_gone_stops_the_run_in_one_line_or_is_done_without(room: SimpleNamespace, tutor: Any) -> None:
    tutor.gone = True
    with pytest.raises(
        EngineError,
        match="step 1: the teacher did not answer: no answer from the teacher's address; run `train resume`",
    ):
        guided(room, tutor)
    guided(room, tutor, on_unavailable="continue")
    assert any("no rollout is guided" in line for line in room.reporter.warnings)
    assert not any(rollout.guided for rollout in room.sink.rollouts)


@pytest.mark.service
def test_a_teachers_server_that_dies_is_one_line_and_the_run_goes_on_once_it_is_back(
    room: SimpleNamespace, tutor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.engines.openai import endpoints
    from assay.engines.openai.engine import Openai
    from assay.engines.server.app import ModelServer

    monkeypatch.setattr(endpoints, "FIRST_REST_S", 0.01)
    dead: list[int] = []  # steps after which the server died
    service = ModelServer(tutor, fault=lambda i: "down" if dead else "").start()
    try:
        teacher = Teacher(Openai(urls=(service.url,), retries=0, concurrency=1))
        log = room.sink.log
        room.sink.log = lambda policy, step, values: (
            log(policy, step, values),
            dead.append(step) if step == 1 else None,
        )
        with pytest.raises(
            EngineError, match=r"step 3: the teacher did not answer: .*; run `train resume` once it does"
        ):
            guided(room, tutor, teacher=teacher, steps=4, save_every=2)
        dead.clear()
        room.sink.log = log
        guided(room, tutor, teacher=teacher, steps=4, save_every=2)
    finally:
        service.close()
    assert [step for step, _ in room.sink.logs] == [0, 1, 2, 3]
    assert all(values["guided"] > 0 for _, values in room.sink.logs)


def test_a_killed_guided_run_chooses_the_same_rollouts_again(room: SimpleNamespace, tutor: Any) -> None:
    guided(room, tutor, steps=2, fraction=0.5)
    first, room.sink.writes = [(rollout.sample, rollout.text) for rollout in room.sink.rollouts if rollout.guided], []
    guided(room, tutor, steps=2, fraction=0.5)
    assert [(rollout.sample, rollout.text) for rollout in room.sink.rollouts if rollout.guided] == first


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("apply_to", "sometimes", "apply_to"),
        ("schedule", "square", "schedule"),
        ("mask", "all", "mask"),
        ("on_unavailable", "x", "on_unavailable"),
        ("fraction", 1.5, "fraction"),
    ],
)
def test_a_wrong_setting_is_named_as_the_config_names_it(name: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=f"teacher.{told}"):
        TeacherSettings(**{name: value})


def test_supervision_without_a_teacher_is_refused(room: SimpleNamespace) -> None:
    with pytest.raises(ConfigError, match="right or wrong"):
        room.train(objective="sft")


def test_a_student_that_would_run_out_of_its_window_is_not_asked_to_go_on(room: SimpleNamespace, tutor: Any) -> None:
    # It fits, but not with 100 tokens more.
    tutor.text = f"<opinion>correct</opinion><reason>{'1' * 100}</reason><phrase>2</phrase>"
    guided(room, tutor, student_continues=True, sampler=SamplingConfig(max_tokens=120))
    logged = room.sink.logs[0][1]
    assert logged["teacher_too_long"] == len(tutor.seen) > 0


def test_guidance_without_a_teacher_is_refused(room: SimpleNamespace) -> None:
    with pytest.raises(ConfigError, match="one of them is missing"):
        room.train(teacher_settings=ALL)
