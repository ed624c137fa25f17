import json
from typing import Any

import pytest

from assay.sources._rows import Fields, Row


@pytest.mark.parametrize(
    ("answer", "row", "kept"),
    [
        (
            "test_list",
            {"test_list": ["assert f(1) == 1"], "test_setup_code": "", "test_imports": []},
            ["assert f(1) == 1"],
        ),
        (
            "test_list",
            {"test_list": ["assert f(1) == 1"], "test_imports": ["import re"]},
            {"tests": ["assert f(1) == 1"], "test_imports": ["import re"]},
        ),
        (
            "test",
            {"test": "def check(c):\n    assert c(1)", "entry_point": "f"},
            {"tests": "def check(c):\n    assert c(1)", "entry_point": "f"},
        ),
        (
            "info",
            {"info": {"test_cases": [{"input": "1", "output": "1"}]}, "language": "python"},
            {"test_cases": [{"input": "1", "output": "1"}]},
        ),
        (
            "info.test_cases",
            {"info": {"test_cases": [{"input": 1, "output": 1}], "language": "cpp"}},
            {"tests": [{"input": 1, "output": 1}], "language": "cpp"},
        ),
        (
            "tests",
            {"tests": "[1]", "metadata": '{"func_name": "f"}'},
            {"tests": "[1]", "metadata": '{"func_name": "f"}'},
        ),
    ],
)
def test_a_code_label_may_be_an_object_a_list_or_a_text_and_keeps_what_stands_beside_it(
    answer: str, row: dict[str, Any], kept: Any
) -> None:
    _, label = Fields(answer=answer, verifier="code").convert_row(Row({"prompt": "p", **row}))
    assert json.loads(label.answer) == kept


def test_a_code_label_as_text_stands_as_it_is_where_the_row_tells_nothing_more() -> None:
    text = '{"inputs": ["1"],  "outputs": ["1"]}'
    row = {"prompt": "p", "answer": text, "metadata": {"level": 3}, "language": "python3", "starter_code": ""}
    assert Fields(verifier="code").convert_row(Row(row))[1].answer == text
