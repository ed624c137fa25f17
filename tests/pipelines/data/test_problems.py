"""What a finished stage is looked up by, read without a question, is what reading all of them gives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side, side_ids, side_verifiers, stream_texts
from assay.pipelines.runner.stages import run_stages

Made = Callable[..., RunContext]


@pytest.mark.parametrize("name", ["train", "held_out"])
def test_ids_texts_and_verifiers_of_a_side_are_those_of_its_problems_and_labels(
    context: Made, tables: dict[str, Any], name: str
) -> None:
    path = Path(tables["source"][0]["paths"])
    chat = {
        "messages": [{"role": "system", "content": "Add."}, {"role": "user", "content": "20 + 20?"}],
        "answer": "41",
    }
    odd = [
        {"prompt": "What is 10 + 3?", "answer": "14"},
        {"prompt": "  ", "answer": "1"},
        {"prompt": "Add 20 + 20?", "answer": "41"},
    ]
    path.write_text(path.read_text() + "".join(json.dumps(row) + "\n" for row in (*odd, chat)))
    cut = {"filters": ("empty", "conflicting_labels", "exact", "clear")}
    made = context(clean=cut, policy={"rule": "cycle", "answers": {"Add 20 + 20?": ["The answer is 40"]}})
    inputs = run_stages(made, "split")
    problems, labels = read_side(made, inputs, name)
    assert side_ids(made, inputs, name) == list(problems)
    texts = pa.Table.from_batches(stream_texts(made, inputs, name)).to_pydict()
    by_text = sorted((problem.text, id_) for id_, problem in problems.items())
    assert list(zip(texts["text"], texts["problem_id"], strict=True)) == by_text
    assert side_verifiers(made, inputs, name) == sorted({label.verifier for label in labels.values()})


def test_a_corrected_label_s_verifier_counts_and_the_old_one_s_does_not(context: Made, tables: dict[str, Any]) -> None:
    Path(tables["source"][0]["paths"]).write_text('{"prompt": "Add 20 + 20?", "answer": "41"}\n')
    made = context(split={"held_out": 0})
    inputs = run_stages(made, "split")
    assert side_verifiers(made, inputs, "train") == ["math"]
    (old,) = made.lake.rows("SELECT problem_id FROM labels")
    label = {"id": "z", "problem_id": old["problem_id"], "answer": "40", "verifier": "exact", "origin": "corrected"}
    member = {"id": "m", "pool": inputs.rows_of("clean"), "problem_id": old["problem_id"], "label_id": "z"}
    made.lake.append({"labels": [label], "pool_members": [member]})
    assert side_verifiers(made, inputs, "train") == ["exact"]
    assert [label.verifier for label in read_side(made, inputs, "train")[1].values()] == ["exact"]
