"""One answer judged from Python, without a config or a lake."""

import subprocess
import sys

import pytest

import assay
from assay.core.errors import ConfigError
from assay.pipelines.analysis import grade as grade_module
from assay.pipelines.analysis.grade import case_of, grade, grade_all, rows_of


def test_the_verdict_holds_outcome_answer_and_reason() -> None:
    verdict = grade("So the answer is \\boxed{4}.", gold="4", verifier="numeric")
    assert (verdict.outcome, verdict.extracted, verdict.verifier) == ("correct", "4", "numeric")
    assert grade("So the answer is \\boxed{5}.", gold=4, verifier="numeric").outcome == "wrong"
    assert grade("So the answer is", gold="4", verifier="numeric", finish="length").outcome == "truncated"


def test_a_bounded_verifier_starts_no_process() -> None:
    grade_module._shared_grader.cache_clear()
    grade("\\boxed{4}", gold="4", verifier="exact")
    assert grade_module._shared_grader("{}", False, __import__("os").getpid()).pids == ()


def test_the_house_names_what_it_has_and_grade_is_among_it() -> None:
    assert {"grade", "score", "Lake", "read_config"} <= set(dir(assay))
    assert assay.grade is grade
    assert "Any" not in dir(assay)


def test_grade_alone_loads_no_lake() -> None:
    code = "import assay, sys; assay.grade('\\\\boxed{1}', gold='1', verifier='exact'); print('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verifier": "maths"}, "maths"),
        ({"finish": "done"}, "known are stop, length, error"),
        ({"verifier": "code"}, "allow_code"),
        ({"gold": None}, "NoneType"),
        ({"metadata": [1]}, "metadata must be an object"),
        ({"verifier": 3}, "must be strings"),
        ({"gold": "\ud800"}, "gold answer"),
        ({"metadata": {"a": {1, 2}}}, "plain JSON"),
        ({"verifier": "numeric", "settings": {"wrong": 1}}, "no setting 'wrong'"),
    ],
)
def test_what_cannot_be_judged_is_said_in_one_line(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        grade("1", **{"gold": "1", **changes})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="found int"):
        grade(1, gold="1")  # type: ignore[arg-type]


def test_settings_reach_the_verifier_and_its_version() -> None:
    near = {"text": "\\boxed{4.1}", "gold": "4", "verifier": "numeric"}
    assert grade(**near).outcome == "wrong"  # type: ignore[arg-type]
    assert grade(**near, settings={"tolerance": 0.1}).outcome == "correct"  # type: ignore[arg-type]


def test_rows_bring_their_own_golds_and_verifiers() -> None:
    lines = [
        '{"text": "\\\\boxed{1}", "gold": 1}',
        "",
        '{"text": "yes", "gold": "yes", "verifier": "exact"}',
        '{"text": "\\\\boxed{3}"}',
    ]
    verdicts = grade_all(rows_of(lines, gold="2", verifier="numeric"))
    assert [(verdict.verifier, verdict.outcome) for verdict in verdicts] == [
        ("numeric", "correct"),
        ("exact", "correct"),
        ("numeric", "wrong"),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 2 is not JSON"),
        ("[1]", "found list"),
        ('{"gold": 1}', "no field text"),
        ('{"text": "1"}', "no field gold"),
        ('{"text": 1, "gold": 1}', "line 2: an"),
    ],
)
def test_a_row_that_cannot_be_judged_is_named_by_its_line(line: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        rows_of(['{"text": "1", "gold": "1"}', line])


def test_a_case_is_about_the_question_that_is_given() -> None:
    assert case_of("1", gold="1", prompt="What is 1?").problem.text == "What is 1?"
    assert case_of("1", gold=["assert f(1)"], verifier="code").label.answer == '["assert f(1)"]'


@pytest.mark.service
def test_a_worker_is_kept_for_the_process_and_gone_with_it() -> None:
    code = (
        "import assay, os\nfrom assay.pipelines.analysis.grade import _shared_grader\n"
        "ask = lambda: assay.grade('\\\\boxed{x+x}', gold='2x')\nprint(ask().outcome)\n"
        "grader = _shared_grader('{}', False, os.getpid())\nbefore = grader.pids\n"
        "ask(); assay.grade('\\\\boxed{y+y}', gold='2y')\n"
        "print(before == grader.pids and len(before) > 0, *before)"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert process.stderr == ""
    outcome, alive, *pids = process.stdout.split()
    assert (outcome, alive) == ("correct", "True")
    assert not [pid for pid in pids if __import__("pathlib").Path(f"/proc/{pid}").exists()]
