"""What every verifier promises, on every verifier found."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.parts import build_part, list_parts
from assay.core.ports import Verifier
from assay.testing import check_verifier

GYM = {"reasoning_gym": {"dataset": "basic_arithmetic", "entry": {"question": "2 + 2", "answer": "4", "metadata": {}}}}
ADD = "```python\nprint(sum(map(int, input().split())))"
EXAMPLES = {  # verifier: (gold, a right text, a wrong text, a text that holds no answer or None)
    "math": ("4", "so \\boxed{4}", "so \\boxed{5}", "I do not know."),
    "numeric": ("4", "#### 4.0", "#### 5", "I do not know."),
    "exact": ("north", "The answer is north.", "The answer is south.", None),
    "choice": ("B", "The answer is (B).", "The answer is (C).", "I cannot tell, none of it fits"),
    "code": ('[{"input": "1 3", "output": "4"}]', f"{ADD}\n```", "```python\nprint(5)\n```", "I do not know."),
    "reasoning_gym": ("4", "The answer is 4", "The answer is 5", "I do not know."),
}


@pytest.fixture(params=list_parts("verifier"))
def name(request):
    if request.param == "reasoning_gym":
        pytest.importorskip("reasoning_gym")
    return request.param


def judge(case, name, text, **changes):
    return build_part("verifier", name).judge(case(EXAMPLES[name][0], text, verifier=name, metadata=GYM, **changes))


def test_every_verifier_has_its_examples_here():
    assert set(list_parts("verifier")) == set(EXAMPLES)


def test_it_keeps_the_laws(name):
    gold, right, wrong, unparsable = EXAMPLES[name]
    examples = {"gold": gold, "right": right, "wrong": wrong, "unparsable": unparsable or "", "metadata": GYM}
    check_verifier(build_part("verifier", name), name=name, **examples)


def test_examples_that_are_swapped_break_the_laws():
    with pytest.raises(AssertionError, match="expected correct"):
        check_verifier(
            build_part("verifier", "exact"), name="exact", gold="north", right="The answer is south.", wrong="north"
        )


def test_it_is_a_verifier_with_a_version(name):
    part = build_part("verifier", name)
    assert isinstance(part, Verifier)
    assert part.version


def test_the_gold_answer_grades_itself_correct(case, name):
    gold = EXAMPLES[name][0]
    if name == "code":
        pytest.skip("its label holds tests, no answer")
    for text in (gold, f"The answer is {gold}.", f"\\boxed{{{gold}}}", f"work\n#### {gold}"):
        verdict = judge(case, name, text)
        assert (verdict.outcome, verdict.reward) == ("correct", 1.0), text


def test_a_right_answer_is_correct_and_a_wrong_one_is_wrong(case, name):
    _, right, wrong, _ = EXAMPLES[name]
    assert judge(case, name, right).outcome == "correct"
    verdict = judge(case, name, wrong)
    assert (verdict.outcome, verdict.reward) == ("wrong", 0.0)
    assert verdict.extracted
    assert verdict.reason


def test_a_cut_text_is_truncated_unless_its_final_answer_is_right(case, name):
    _, right, wrong, silent = EXAMPLES[name]
    assert judge(case, name, right, finish="length").outcome == "correct"
    assert judge(case, name, wrong, finish="length").outcome == "truncated"
    assert judge(case, name, silent or "so we", finish="length").outcome == "truncated"
    assert judge(case, name, wrong, finish="length").reward == 0.0


def test_a_finished_text_without_an_answer_is_unparsable_with_a_reason(case, name):
    silent = EXAMPLES[name][3]
    for text in ("", " \n\t", *([silent] if silent else [])):
        verdict = judge(case, name, text)
        assert verdict.outcome == "unparsable"
        assert verdict.reason


def test_an_engine_error_is_an_error_and_not_a_wrong_answer(case, name):
    verdict = judge(case, name, EXAMPLES[name][1], finish="error")
    assert verdict.outcome == "verifier_error"
    assert verdict.reason


def test_a_blank_gold_is_not_readable_and_an_example_is(case, name):
    part = build_part("verifier", name)
    assert part.reads(case(EXAMPLES[name][0], "", verifier=name).label)
    assert not part.reads(case(" ", "", verifier=name).label)


def test_the_verdict_points_at_its_rollout_label_and_version(case, name):
    grading_case = case(EXAMPLES[name][0], "4", verifier=name, metadata=GYM)
    verdict = build_part("verifier", name).judge(grading_case)
    assert (verdict.rollout_id, verdict.label_id) == (grading_case.rollout.id, grading_case.label.id)
    assert (verdict.verifier, verdict.version) == (name, build_part("verifier", name).version)


JUNK = st.one_of(
    st.text(st.characters(), max_size=60),  # lone surrogates and NUL included
    st.text(alphabet="\\{}$^_0123456789.,/-+ abx()[]=%", max_size=25),
    st.sampled_from(
        [
            "\x00",
            "\ud800",
            "\\boxed{",
            "\\boxed{}",
            "####",
            "The answer is",
            "$$",
            "answer: **",
            "1/0",
            "\\frac{1}{0}",
            "{" * 3000,
        ]
    ),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(text=JUNK, finish=st.sampled_from(["stop", "length"]))
def test_junk_never_raises_and_its_verdict_can_be_stored(case, name, text, finish):
    verdict = judge(case, name, text, finish=finish)
    assert verdict.outcome in ("correct", "wrong", "unparsable", "truncated", "verifier_error")
    (verdict.extracted + verdict.reason).encode("utf-8")
    assert len(verdict.extracted) <= 500
