"""Methods on real recorded solutions of four models to problems of GSM8K, of which the publishers say which are right.

`gsm8k_solutions.jsonl` has 24 of the 1,319 rows of openai/grade-school-math's `example_model_solutions.jsonl`, unchanged (MIT,
`src/assay/data/LICENSE-GSM8K`): 12 that the smallest model gets wrong and the largest right, and 4 each that all get right, that none does
and others. The policy answers with the two smallest models' solutions; whoever helps it answers with the largest one's.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.synthesis import split_steps
from assay.core.types import Message, Problem
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake

FILE = Path(__file__).with_name("gsm8k_solutions.jsonl")
SMALL, SECOND, LARGE = "6b_finetuning", "6b_verification", "175b_verification"
MODELS = (SMALL, SECOND, "175b_finetuning", LARGE)
TURN = "That is not right. Once more."
METHODS = ("rewrite", "failures", "strategies", "star", "introspect", "unpaired", "step_pairs", "scaffold")


def script(rows: list[dict[str, Any]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what the policy and its teacher answer, by the text of the last turn with what is begun, or by problem id."""
    policy, teacher = dict[str, list[str]](), dict[str, list[str]]()
    for row in rows:
        question = row["question"]
        small, second, large = (row[name]["solution"] for name in (SMALL, SECOND, LARGE))
        policy[question] = [small, second]
        policy[f"{question} Think."] = [large]
        gold = split_steps(row["ground_truth"], "\n")
        for length in range(1, len(gold)):  # one in three goes on well, where the larger model does
            policy[f"{question} Begun: {''.join(gold[:length]).rstrip()}"] = [large, small, second]
        policy |= {f"{question} as {name}": [row[name]["solution"]] for name in MODELS}
        for wrong in (small, second):
            steps = split_steps(wrong, "\n")
            policy[question + steps[0]] = [large]  # behind its first step the policy is helped
            for length in range(2, len(steps)):  # and behind later ones it goes on as it did
                policy.setdefault(question + "".join(steps[:length]), ["".join(steps[length:])])
            numbered = "\n".join(f"{place}. {step.strip()}" for place, step in enumerate(steps, 1))
            teacher[f"{question}\n{numbered}"] = [f"First wrong step: 1\n{large}"]
            chat = Problem.of((Message("user", question), Message("assistant", wrong), Message("user", TURN)))
            policy[chat.id] = [large]
    return policy, teacher


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """One lake in which all methods have run: their results, and the published rows of the train side by problem id."""
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    policy, teacher = script(rows)
    shared = {"engine": "scripted", "max_tokens": 400}
    source = {
        "type": "files",
        "paths": str(FILE),
        "prompt": "question",
        "answer": "ground_truth",
        "answer_marker": "A:",
        "metadata_fields": ["ground_truth"],
    }
    config = parse_config(
        {
            "lake": str(tmp_path_factory.mktemp("solutions") / "lake"),
            "source": [{**source, "verifier": "numeric"}],
            "split": {"held_out": 4},
            "policy": {**shared, "model": "small", "answers": policy},
            "score": {"n": 2},
            "synthesize": {
                "teacher": {**shared, "model": "large", "answers": teacher},
                "settings": {
                    "rewrite": {"prompt": "{problem}\n{steps}"},
                    "strategies": {"n": 2, "strategies": {name: f"{{prompt}} as {name}" for name in MODELS}},
                    "star": {"hint": "{problem} Think.", "attempts": 2},
                    "introspect": {"turn": TURN, "attempts": 1},
                    "scaffold": {
                        "template": "{problem} Begun: {begun}",
                        "solution": "ground_truth",
                        "attempts": 3,
                        "min_attempts": 2,
                    },
                },
            },
        }
    )
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        run_stages(context, "score")
        details = {name: run_synthesis(context, name)[0].detail for name in METHODS}
        train = lake.rows(
            "SELECT p.id, p.messages[1].content AS question FROM splits s JOIN problems p ON p.id = s.problem_id WHERE side = 'train'"
        )
        published = {row["question"]: row for row in rows}
        side = {row["id"]: published[row["question"]] for row in train}
        targets, pairs = (lake.rows(f"SELECT * FROM {table} ORDER BY id") for table in ("target_texts", "pairs"))
        begun = lake.rows(
            "SELECT d.parent_id, p.messages[1].content AS text, l.answer, d.verified FROM derivations d "
            "JOIN problems p ON p.id = d.problem_id JOIN labels l ON l.id = d.label_id WHERE d.method = 'scaffold'"
        )
        yield SimpleNamespace(details=details, rows=side, targets=targets, pairs=pairs, begun=begun)


def right(row: dict[str, Any], *names: str) -> list[bool]:
    return [row[name]["is_correct"] for name in names]


def targets(made: SimpleNamespace, method: str) -> list[dict[str, Any]]:
    found = [row for row in made.targets if row["method"] == method]
    assert found
    assert all(row["verified"] and row["problem_id"] in made.rows for row in found)
    return found


def test_a_teacher_s_solutions_take_the_place_of_failed_ones_where_they_are_right(made: SimpleNamespace) -> None:
    failed = {id_ for id_, row in made.rows.items() if not any(right(row, SMALL, SECOND))}
    mended = {id_ for id_ in failed if made.rows[id_][LARGE]["is_correct"]}
    rows = targets(made, "rewrite")
    assert {row["problem_id"]: row["completion"] for row in rows} == {
        id_: made.rows[id_][LARGE]["solution"] for id_ in mended
    }
    detail = made.details["rewrite"]
    assert (detail["shown"], detail["rewritten"]) == (len(failed), len(mended))
    assert (detail["still_wrong"], detail["unnamed"]) == (len(failed - mended), 0)


def test_the_helped_step_of_real_failures_is_found_and_learnt(made: SimpleNamespace) -> None:
    taken, helped = set(), set()
    for id_, row in made.rows.items():
        wrong = [name for name in (SMALL, SECOND) if not row[name]["is_correct"]]
        if wrong and len(split_steps(row[wrong[0]]["solution"], "\n")) > 1:
            taken.add(id_)
            if len(wrong) == 2 and row[LARGE]["is_correct"]:
                helped.add(id_)
    assert made.details["failures"]["taken_up"] == len(taken) > len(helped) > 5
    rows = {row["problem_id"]: row for row in targets(made, "failures")}
    assert helped <= rows.keys()
    for id_ in helped:
        row = made.rows[id_]
        assert rows[id_]["completion"] == split_steps(row[SMALL]["solution"], "\n")[0] + row[LARGE]["solution"]
        assert rows[id_]["masked"] is None


def test_the_rates_of_ways_of_asking_are_the_published_ones(made: SimpleNamespace) -> None:
    detail = made.details["strategies"]
    for name in MODELS:
        share = sum(row[name]["is_correct"] for row in made.rows.values()) / len(made.rows)
        assert detail[f"rate_{name}"] == pytest.approx(share, abs=1e-4)
    solved = {id_ for id_, row in made.rows.items() if any(right(row, *MODELS))}
    rows = {row["problem_id"]: row["completion"] for row in targets(made, "strategies")}
    assert rows.keys() == solved
    for id_, text in rows.items():
        name = text.partition("\n")[0].removeprefix("Strategy: ")
        assert made.rows[id_][name]["is_correct"]
        assert text == f"Strategy: {name}\n{made.rows[id_][name]['solution']}"


def test_hints_flip_what_the_larger_model_gets_right(made: SimpleNamespace) -> None:
    flips = {id_ for id_, row in made.rows.items() if row[LARGE]["is_correct"] and not all(right(row, SMALL, SECOND))}
    rows = targets(made, "star")
    assert {row["problem_id"] for row in rows} == flips
    assert all(row["completion"] == made.rows[row["problem_id"]][LARGE]["solution"] for row in rows)


def test_second_turns_mend_what_the_larger_model_gets_right(made: SimpleNamespace) -> None:
    wrong = {id_ for id_, row in made.rows.items() if not all(right(row, SMALL, SECOND))}
    mended = {id_ for id_ in wrong if made.rows[id_][LARGE]["is_correct"]}
    rows = targets(made, "introspect")
    assert {row["problem_id"] for row in rows} == mended
    assert (made.details["introspect"]["taken_up"], made.details["introspect"]["mended"]) == (len(wrong), len(mended))
    assert all(row["messages"][1]["content"] in made.rows[row["problem_id"]][SMALL]["solution"]
               or row["messages"][1]["content"] == made.rows[row["problem_id"]][SECOND]["solution"] for row in rows)  # fmt: skip


def test_single_answers_are_desirable_as_published(made: SimpleNamespace) -> None:
    found = {(row["problem_id"], row["completion"]): row["desirable"] for row in targets(made, "unpaired")}
    assert found == {
        (id_, row[name]["solution"]): row[name]["is_correct"]
        for id_, row in made.rows.items()
        for name in (SMALL, SECOND)
    }


def test_the_rejected_text_of_a_real_failure_ends_where_help_ends(made: SimpleNamespace) -> None:
    wanted = {}
    for id_, row in made.rows.items():
        wrong = [name for name in (SMALL, SECOND) if not row[name]["is_correct"]]
        steps = split_steps(row[wrong[0]]["solution"], "\n") if len(wrong) == 1 else []
        if len(steps) > 1:  # one of two attempts is right, so the rate before the first step is one half
            wanted[id_] = ("".join(steps[:2]), 1.0) if row[LARGE]["is_correct"] else (steps[0], 0.5)
    pairs = [row for row in made.pairs if row["method"] == "step_pairs"]
    assert {row["problem_id"]: (row["rejected_text"], row["margin"]) for row in pairs} == wanted
    assert len(wanted) == len(pairs) > 2
    assert all(row["verified"] for row in pairs)


def test_published_solutions_begin_what_the_small_models_fail(made: SimpleNamespace) -> None:
    hopeless = {id_: row for id_, row in made.rows.items() if not any(right(row, SMALL, SECOND))}
    mixed = {id_ for id_, row in hopeless.items() if row[LARGE]["is_correct"]}
    assert (made.details["scaffold"]["hopeless"], made.details["scaffold"]["made"]) == (len(hopeless), len(mixed))
    assert {row["parent_id"] for row in made.begun} == mixed
    assert len(mixed) > 5
    for row in made.begun:
        parent = made.rows[row["parent_id"]]
        question, _, begun = row["text"].partition(" Begun: ")
        assert (question, row["verified"]) == (parent["question"], True)
        assert parent["ground_truth"].startswith(begun)
        assert f"A: {row['answer']}" == split_steps(parent["ground_truth"], "\n")[-1]
        assert row["answer"] not in begun.splitlines()[-1:]
