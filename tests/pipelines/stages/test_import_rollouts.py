"""Other tools' rollouts come home by id or by prompt, once; what matches nothing is a drop; what is explained names every chapter."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core.errors import ConfigError, EvidenceError
from assay.core.types import Label, Message, Problem
from assay.pipelines.analysis.show import PARTS, collect_problem
from assay.pipelines.data.problems import to_row
from assay.pipelines.stages.foreign_problems import Matcher
from assay.pipelines.stages.import_rollouts import RolloutColumns, import_rollouts
from assay.pipelines.stages.import_scores import import_scores
from assay.stores.lake import Lake

SUM = Problem.of("What is 2 + 2?", source="sums")


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    label = Label.of(SUM.id, "4", verifier="math")
    row = {name: getattr(label, name) for name in Label.__slots__}
    with Lake(tmp_path / "lake") as opened:
        opened.append({"problems": [to_row(SUM)], "labels": [row]})
        yield opened


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path.parent


def rate(lake: Lake, view: str = "pass_rates") -> dict[str, Any]:
    return lake.rows(f"SELECT n_correct, n_wrong, n_truncated, n_error, verifier, policy FROM {view}")[0]


def test_verl_s_dump_is_matched_by_the_user_turn_of_its_decoded_prompt(lake: Lake, tmp_path: Path) -> None:
    chat = "system\nBe brief.\nuser\nWhat is 2 + 2?\nassistant\n"
    rows = [
        {"input": chat, "output": said, "score": score, "step": 3}
        for said, score in (("4", 1.0), ("5", 0.0), ("4", 1.0))
    ]
    done = import_rollouts(
        lake, "verl", write(tmp_path / "dump" / "3.jsonl", rows), policy="rev-1", policy_last="rev-2"
    )
    assert (done.rows, done.added, dict(done.dropped)) == (3, 3, {})
    assert rate(lake, "training_pass_rates") == {
        "n_correct": 2,
        "n_wrong": 1,
        "n_truncated": 0,
        "n_error": 0,
        "verifier": "imported:verl",
        "policy": "rev-1",
    }
    assert lake.rows("SELECT DISTINCT step, policy_last FROM rollouts") == [{"step": 3, "policy_last": "rev-2"}]


def test_prompts_of_every_model_s_template_and_of_trainers_are_matched(lake: Lake, tmp_path: Path) -> None:
    question = "What is 2 + 2?"
    prompts = [
        f"user\n{question}\nmodel\n",
        f"system\n\nCutting Knowledge Date: December 2023\n\nuser\n\n{question}assistant\n\n",
        f"[INST] {question} [/INST]",
        f"<｜User｜>{question}<｜Assistant｜><think>\n",
        f'<|im_start|>user\n{question} Let\'s think step by step and output the final answer after "####".<|im_end|>\n<|im_start|>assistant\n',
        f"[INST] {question[:-1]} + 1? [/INST]",
    ]
    rows = [{"input": prompt, "output": "The answer is 4", "gts": "4", "score": 1.0, "step": 1} for prompt in prompts]
    done = import_rollouts(lake, "verl", write(tmp_path / "dump" / "1.jsonl", rows), policy="rev-1")
    assert (done.rows, done.added, sum(done.dropped.values())) == (6, 5, 1)


def test_an_import_done_again_adds_nothing(lake: Lake, tmp_path: Path) -> None:
    rows = [{"assay_id": SUM.id, "completion": "4", "reward": 1}] * 2
    folder = write(tmp_path / "theirs" / "a.jsonl", rows)
    assert import_rollouts(lake, "jsonl", folder, policy="p").added == 2
    assert import_rollouts(lake, "jsonl", folder, policy="p").added == 0
    assert rate(lake)["n_correct"] == 2


def test_trl_s_completions_are_read_from_parquet(lake: Lake, tmp_path: Path) -> None:
    rows = [
        {
            "step": 1,
            "prompt": "What is 2 + 2?",
            "completion": "5",
            "format_reward": 0.5,
            "math_reward": 0.0,
            "advantage": -0.5,
        }
    ]
    (tmp_path / "completions").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "completions" / "completions_00001.parquet")
    assert import_rollouts(lake, "trl", tmp_path / "completions", policy="p").added == 1
    assert lake.rows("SELECT step, advantage FROM rollouts") == [{"step": 1, "advantage": -0.5}]
    assert lake.rows("SELECT outcome, reward FROM verdicts") == [{"outcome": "wrong", "reward": 0.5}]


def test_unmatched_rows_are_drops_with_file_and_line(lake: Lake, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": "another?", "completion": "4", "reward": 1},
        {"assay_id": SUM.id, "reward": 1},
    ]
    with pytest.raises(
        EvidenceError, match=r"none of 2 rows .*1 unmatched, 1 no_text.*columns are prompt, completion, reward"
    ):
        import_rollouts(lake, "jsonl", write(tmp_path / "theirs" / "a.jsonl", rows), policy="p")
    found = lake.rows("SELECT reason, file, line FROM drops ORDER BY line")
    assert found == [
        {"reason": "unmatched", "file": "a.jsonl", "line": 1},
        {"reason": "no_text", "file": "a.jsonl", "line": 2},
    ]


def test_of_equal_questions_the_first_is_found_and_a_chat_by_its_last_turn(lake: Lake) -> None:
    chat = Problem.of((Message("system", "Be brief."), Message("user", "How many?")))
    spaced = Problem.of("What is  2 + 2?")
    lake.append({"problems": [to_row(spaced), to_row(chat)]})
    matcher = Matcher(lake)
    asked = ("What is 2 + 2?", "What is  2 +  2?", "How many?", "Be brief.\nHow many?", spaced.id, "Who?", "", "\0")
    found = [matcher.problem({"prompt": text}, ("prompt",)) for text in asked]
    assert found == [SUM.id, SUM.id, chat.id, chat.id, spaced.id, None, None, None]
    assert matcher.label(SUM.id) == Label.of(SUM.id, "4", verifier="math").id
    assert (matcher.label(chat.id), matcher.label("no problem"), matcher.count) == ("", "", 3)
    assert Matcher(lake, {chat.id: "given"}).label(chat.id) == "given"


def test_the_problems_of_a_lake_take_some_hundred_bytes_each_to_be_found(lake: Lake) -> None:
    lake.append({"problems": [to_row(Problem.of(f"{number} {'long words ' * 40}")) for number in range(500)]})
    matcher = Matcher(lake)
    arrays = [value for value in vars(matcher).values() if isinstance(value, np.ndarray)]
    assert sum(array.nbytes for array in arrays) < 120 * matcher.count
    assert not [value for value in vars(matcher).values() if isinstance(value, dict | set | list) and value]


def test_guided_and_cut_attempts_say_what_they_are(lake: Lake, tmp_path: Path) -> None:
    rows = [
        {"assay_id": SUM.id, "text": "a", "reward": 1, "guided": True},
        {"assay_id": SUM.id, "text": "b", "reward": 0, "finish": "length"},
        {"assay_id": SUM.id, "text": "c"},
    ]
    import_rollouts(lake, "jsonl", write(tmp_path / "theirs" / "a.jsonl", rows), policy="p")
    assert [rate(lake)[name] for name in ("n_correct", "n_wrong", "n_truncated", "n_error")] == [0, 0, 1, 1]


def test_one_column_name_with_two_meanings_is_read_by_its_values(lake: Lake, tmp_path: Path) -> None:
    """POLARIS and DeepScaleR both call it `difficulty`: "3/8" counts correct ones, 2.0 of 10 is what judges thought."""
    polaris = write(
        tmp_path / "polaris" / "a.jsonl",
        [{"problem": "What is 2 + 2?", "difficulty": "3/8"}, {"problem": "?", "difficulty": "1/8"}],
    )
    deepscaler = write(tmp_path / "deepscaler" / "a.jsonl", [{"problem": "What is 2 + 2?", "difficulty": 2.0}])
    assert import_scores(lake, polaris, "difficulty", model="7b").added == 1
    assert import_scores(lake, deepscaler, "difficulty", model="judge").added == 1
    found = lake.rows("SELECT policy, value, n_correct, n_wrong, direction FROM scores ORDER BY policy")
    assert found == [
        {"policy": "7b", "value": 0.375, "n_correct": 3, "n_wrong": 5, "direction": "easier"},
        {"policy": "judge", "value": 0.2, "n_correct": 0, "n_wrong": 0, "direction": "harder"},
    ]


@pytest.mark.parametrize("value", [-1.0, "n/a", None, 11, "9/8", "1/0", float("nan")])
def test_what_stands_for_no_difficulty_is_a_drop_and_no_number(lake: Lake, tmp_path: Path, value: object) -> None:
    done = import_scores(
        lake,
        write(tmp_path / "theirs" / "a.jsonl", [{"problem": "What is 2 + 2?", "difficulty": value}]),
        "difficulty",
        model="m",
    )
    assert (done.added, dict(done.dropped)) == (0, {"no_value": 1})


def test_open_instruct_s_own_counts_are_kept(lake: Lake, tmp_path: Path) -> None:
    row = {"prompt": "What is 2 + 2?", "passrate": 0.75, "total_rollouts": 4, "total_correct_rollouts": 3}
    import_scores(lake, write(tmp_path / "theirs" / "a.jsonl", [row]), "passrate", model="m")
    assert lake.rows("SELECT value, n_correct, n_wrong, direction FROM scores") == [
        {"value": 0.75, "n_correct": 3, "n_wrong": 1, "direction": "easier"}
    ]


def test_an_unknown_column_needs_its_direction(lake: Lake, tmp_path: Path) -> None:
    folder = write(tmp_path / "theirs" / "a.jsonl", [{"problem": "What is 2 + 2?", "hardness": 0.5}])
    with pytest.raises(ConfigError, match="easier or harder"):
        import_scores(lake, folder, "hardness", model="7b")
    assert import_scores(lake, folder, "hardness", model="7b", direction="harder").added == 1


def test_what_cannot_be_read_is_named(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nearest: 'verl'"):
        import_rollouts(lake, "verll", tmp_path, policy="p")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="contains no"):
        import_rollouts(lake, "verl", tmp_path / "empty", policy="p")


def test_rows_that_are_odd_are_kept_or_dropped_with_a_reason_and_never_end_the_import(
    lake: Lake, tmp_path: Path
) -> None:
    base = {"assay_id": SUM.id, "completion": "4", "reward": 1}
    odd = [
        {**base, "seed": None, "tokens": None, "step": None},
        {**base, "completion": "\ud800 4"},
        {**base, "step": "third"},
        {**base, "tokens": [3]},
        {**base, "tokens": 10**300},
        {**base, "step": 1e300},
        {**base, "assay_id": ["x"], "prompt": ["What is 2 + 2?"]},
        {**base, "assay_id": {}, "prompt": [{"role": "user", "content": "What is 2 + 2?"}]},
    ]
    folder = write(tmp_path / "theirs" / "a.jsonl", odd)
    with (folder / "a.jsonl").open("a") as file:
        file.write("no json\n[1, 2]\nnull\n")
    done = import_rollouts(lake, "jsonl", folder, policy="p")
    assert (done.rows, done.added, dict(done.dropped)) == (11, 3, {"unreadable": 4, "unmatched": 4})
    details = [
        row["detail"] for row in lake.rows("SELECT detail FROM drops WHERE reason = 'unreadable' ORDER BY detail")
    ]
    assert any("'third'" in detail for detail in details)


def test_a_missing_folder_and_a_broken_parquet_file_are_one_line(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or folder"):
        import_rollouts(lake, "jsonl", tmp_path / "nowhere", policy="p")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "a.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(ConfigError, match=r"a\.parquet cannot be read as Parquet"):
        import_rollouts(lake, "jsonl", tmp_path / "theirs", policy="p")


def test_one_problem_s_story_has_every_chapter(lake: Lake, tmp_path: Path) -> None:
    rows = [{"assay_id": SUM.id, "completion": "4", "reward": 1, "step": 0, "group": "g", "advantage": 0.5}]
    import_rollouts(lake, "jsonl", write(tmp_path / "theirs" / "a.jsonl", rows), policy="p")
    story = collect_problem(lake, SUM.id[:8])
    assert list(story) == list(PARTS)
    assert story["labels"][0]["answer"] == "4"
    assert (story["attempts"][0]["text"], story["attempts"][0]["outcome"]) == ("4", "correct")
    assert story["training"] == [
        {"step": 0, "rollouts": 1, "correct": 1, "correct_lenient": 1, "group": "g", "least": 0.5, "most": 0.5}
    ]


def test_a_problem_that_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(ConfigError, match="no problem ids begin with 'zz': there are 1 problems"):
        collect_problem(lake, "zz")


def test_any_columns_hold_question_answer_and_reward(lake: Lake, tmp_path: Path) -> None:
    rows = [
        {"q": "What is 2 + 2?", "gen": {"text": "4"}, "acc": 1, "format": 0, "why": "stop"},
        {
            "q": [{"role": "user", "content": "What is 2 + 2?"}],
            "gen": {"text": "4!"},
            "acc": 1,
            "format": 1,
            "why": "stop",
        },
        {"q": SUM.id, "gen": {"text": "so long"}, "acc": 0, "format": 1, "why": "length"},
    ]
    columns = RolloutColumns(problem="q", text="gen.text", reward="acc", finish="why")
    done = import_rollouts(
        lake,
        "jsonl",
        write(tmp_path / "theirs" / "a.jsonl", rows),
        policy="p",
        columns=columns,
        right="acc == 1 and format > 0",
    )
    assert (done.added, dict(done.dropped)) == (3, {})
    assert [rate(lake)[name] for name in ("n_correct", "n_wrong", "n_truncated", "n_error")] == [1, 1, 1, 0]


def test_several_answers_in_one_row_are_as_many_attempts(lake: Lake, tmp_path: Path) -> None:
    rows = [{"problem": "What is 2 + 2?", "generations": ["4", "5", "4"], "right": [True, False, True], "n": 3}]
    columns = RolloutColumns(text="generations", reward="right")
    done = import_rollouts(lake, "jsonl", write(tmp_path / "theirs" / "a.jsonl", rows), policy="p", columns=columns)
    assert (done.rows, done.added) == (3, 3)
    assert [rate(lake)[name] for name in ("n_correct", "n_wrong")] == [2, 1]


@pytest.mark.parametrize(
    ("right", "message"),
    [
        ("reward >", "is not an expression"),
        ("__import__('os')", "call is not allowed"),
        ("a.b", "attribute is not allowed"),
    ],
)
def test_what_is_no_expression_is_refused_before_anything_is_read(
    lake: Lake, tmp_path: Path, right: str, message: str
) -> None:
    rows = [{"assay_id": SUM.id, "text": "a", "reward": 1}]
    with pytest.raises(ConfigError, match=message):
        import_rollouts(lake, "jsonl", write(tmp_path / "theirs" / "a.jsonl", rows), policy="p", right=right)
    assert lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 0}]


def test_a_column_that_the_expression_names_and_the_file_lacks_is_named(lake: Lake, tmp_path: Path) -> None:
    rows = [{"assay_id": SUM.id, "text": "a", "reward": 1}]
    with pytest.raises(ConfigError, match="no column 'rewrad'; nearest: 'reward'"):
        import_rollouts(lake, "jsonl", write(tmp_path / "theirs" / "a.jsonl", rows), policy="p", right="rewrad > 0")


def test_verl_s_dump_without_extra_info_is_matched_in_the_dress_of_each_family(lake: Lake, tmp_path: Path) -> None:
    dressed = [
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "system\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\nuser\n\n{}assistant\n\n",
        "<start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model\n",
        "user\n{}\nmodel\n",
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n<think>\n",
        "system\nYou are Qwen.\nuser\n{}\nassistant\n",
        "<｜begin▁of▁sentence｜><｜User｜>{}<｜Assistant｜><think>\n",
        "{}<think>\n",
        "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]{}[/INST]",
        "[INST] {} [/INST]",
        " {}",
    ]
    asked = SUM.messages[0].content + ' Let\'s think step by step and output the final answer after "####".'
    rows = [
        {"input": dress.format(text), "output": str(place), "score": 1.0, "step": 0}
        for place, (dress, text) in enumerate(
            (dress, text) for dress in dressed for text in (SUM.messages[0].content, asked)
        )
    ]
    done = import_rollouts(lake, "verl", write(tmp_path / "dump" / "0.jsonl", rows), policy="p")
    assert (done.added, dict(done.dropped)) == (len(rows), {})
