"""Ids as the code of commit 2d3b060 made them: whatever is renamed, what lakes hold is found again."""

from types import SimpleNamespace

from assay.core.config import parse_config
from assay.core.types import (
    Counts,
    Drop,
    GradingCase,
    Label,
    Message,
    Policy,
    Problem,
    Request,
    Rollout,
    SamplingConfig,
    Score,
    Verdict,
)
from assay.embedding.encode import load_encoder
from assay.engines.scripted import Scripted
from assay.pipelines.data.drops import drop_row
from assay.pipelines.data.embeddings import vector_id
from assay.pipelines.stages.score import _row as score_row
from assay.training.teacher.teacher import Teacher

PROBLEM = Problem.of("What is 2 + 2?", source="a", metadata={"level": 1})
LABEL = Label.of(PROBLEM.id, "4", verifier="math")
PLAIN = SamplingConfig()
FULL = SamplingConfig(
    0.5, 0.9, 40, 64, ("\n",), "Be brief.", "Q: {prompt}\nA:", (("1 + 1", "2"),), '{"thinking":false}'
)
POLICY = Policy("scripted", "0123456789abcdef")
REQUEST = Request(PROBLEM.id, PLAIN.render(PROBLEM), PLAIN, (0, 1), 7)
BEGUN = Request(PROBLEM.id, PLAIN.render(PROBLEM), FULL, (0, 1), 7, prefix="Well, ")
ROLLOUT = Rollout.of(REQUEST, 1, policy=POLICY, engine="scripted", text="4", tokens=1, finish="stop")


def test_a_problem_is_its_messages_and_media() -> None:
    chat = Problem.of((Message("system", "Be brief."), Message("user", "What is in the picture?")), media=("ab" * 32,))
    assert (PROBLEM.id, chat.id) == ("da2a3e3a8c76e0c012177b0b", "20de53234e609da79e384ff8")


def test_a_label_is_its_problem_answer_verifier_and_origin() -> None:
    vote = Label.of(PROBLEM.id, "4", verifier="python:same:same", origin="vote")
    assert (LABEL.id, vote.id) == ("0fbe3d721a57eee1e0429e48", "395ec25e24fc566b836ac501")


def test_a_sampler_is_all_its_fields_in_their_order() -> None:
    assert (PLAIN.id, FULL.id) == ("b86dd06a0d6a4479e5f961f3", "b59e1d76df17d38af9b792b9")


def test_a_scripted_policy_is_its_script() -> None:
    assert Scripted(rule="sum").policy.revision == "d4f599eb20eb62fb"


def test_a_rollout_is_its_problem_policy_sampler_sample_and_begun_answer() -> None:
    assert (ROLLOUT.id, BEGUN.key(POLICY.revision, 1)) == ("9201dc05dfa102548d30b7b8", "66a673cd45655f25210a1019")


def test_a_samples_seed_is_the_same_in_every_version() -> None:
    assert (REQUEST.seed_of(1), BEGUN.seed_of(1)) == (385482502, 1807951410)


def test_a_verdict_is_its_rollout_label_verifier_and_version() -> None:
    verdict = Verdict.of(GradingCase(PROBLEM, LABEL, ROLLOUT), verifier="math", version="3", outcome="correct")
    assert verdict.id == "7e88e165bc68f43005ed8682"


def test_a_drop_is_its_whole_row_and_is_stored_under_the_key_of_its_stage() -> None:
    drop = Drop("clean", "duplicate", PROBLEM.id, "same text", "a", "a.jsonl", 3)
    assert (drop.id, drop_row(drop, "key")["id"]) == ("a26da7cd9b3427f3f6b3f396", "e11b30a6ecd7342d023b8be3")


def test_a_vector_is_its_problem_and_encoder() -> None:
    assert vector_id(PROBLEM.id, "enc") == "31708829bcdf89fa6c886630"
    assert load_encoder("tfidf", texts=["one two", "three"]).revision == "b94303c2f7c17186396c6023"


def test_a_score_is_its_whole_row_under_the_names_of_version_1() -> None:
    config = parse_config({"source": [{"type": "files", "paths": "x"}], "policy": {"engine": "scripted"}})
    context = SimpleNamespace(
        config=config, sampler=config.policy.sampler, verifier_version=lambda verifier: f"{verifier}@3"
    )
    score = Score(
        PROBLEM.id,
        "pass_rate",
        0.5,
        0.25,
        0.75,
        prior="uniform",
        beta_a=2.0,
        beta_b=2.0,
        counts=Counts(1, 1),
        direction="easier",
    )
    assert score_row(context, score, LABEL, "scoring", "rev", False)["id"] == "b52d70bebf5961a51a33d6df"


def test_a_teacher_is_its_policy_and_its_cap() -> None:
    assert Teacher(Scripted(rule="sum"), 512).id == "48f10581c0721442ec242d30"
