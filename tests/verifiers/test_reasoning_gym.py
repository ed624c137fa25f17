import json

import pytest

from assay.core.types import OPEN
from assay.sources.reasoning_gym import ReasoningGym as Source
from assay.verifiers.reasoning_gym.verifier import ReasoningGym

gym = pytest.importorskip("reasoning_gym")


def gym_case(case, entry, text, gold=None, dataset="basic_arithmetic", **changes):
    stored = {"reasoning_gym": {"dataset": dataset, "entry": entry}}
    return case(gold or entry["answer"], text, verifier="reasoning_gym", metadata=stored, **changes)


@pytest.mark.parametrize("dataset", ["basic_arithmetic", "chain_sum", "countdown", "letter_counting"])
def test_the_generators_own_answer_scores_one(case, dataset):
    entry = gym.create_dataset(dataset, size=1, seed=3)[0]
    entry = {key: entry[key] for key in ("question", "answer", "metadata")}
    assert (
        ReasoningGym().judge(gym_case(case, entry, f"The answer is {entry['answer']}", dataset=dataset)).outcome
        == "correct"
    )


def test_another_solution_than_the_stored_one_is_correct_where_the_generator_says_so(case):
    entry = {"question": "", "answer": "2*3+4", "metadata": {"numbers": [2, 3, 4], "target": 10}}
    assert ReasoningGym().judge(gym_case(case, entry, "The answer is 4+3*2", dataset="countdown")).outcome == "correct"


def test_a_partial_score_is_the_reward_of_a_wrong_answer(case):
    verdict = ReasoningGym().judge(
        gym_case(case, {"question": "", "answer": "12", "metadata": {}}, "The answer is 312")
    )
    assert (verdict.outcome, verdict.reward) == ("wrong", 2 / 3)  # "12" is two of the three characters


def test_the_last_number_is_read_for_a_gold_number_and_only_from_finished_texts(case):
    entry = {"question": "", "answer": "-4", "metadata": {}}
    assert ReasoningGym().judge(gym_case(case, entry, "5 - 3 = 2 and 2 - 6 = -4")).outcome == "correct"
    assert (
        ReasoningGym().judge(gym_case(case, entry, "5 - 3 = 2 and 2 - 6 = -4", finish="length")).outcome == "truncated"
    )


def test_a_corrected_label_regrades(case):
    entry = {"question": "", "answer": "12", "metadata": {}}
    assert ReasoningGym().judge(gym_case(case, entry, "#### 13", gold="13")).outcome == "correct"


def test_a_problem_without_its_entry_is_an_error(case):
    assert ReasoningGym().judge(case("4", "4", verifier="reasoning_gym")).outcome == "verifier_error"


FORMS = (
    "<answer>{}</answer>",
    "<think>\nlet me see <answer>3 and 4</answer>\n</think>\n<answer>\n{}\n</answer>",
    "I worked it out.\n\n**Answer:**\n```\n{}\n```",
    "I worked it out.\n\nThe answer is:\n{}",
    "```\n<answer>{}</answer>\n```",
)


@pytest.mark.service  # some generators take half a second
def test_the_librarys_own_format_works_for_every_generator(case):
    wrong = []
    for generator in sorted(set(gym.factory.DATASETS) - {"composite"}):
        ((problem, label),) = Source(generator=generator, size=1, seed=7).read()
        for form in FORMS if label.answer != OPEN else ():
            row = case(
                label.answer, form.format(label.answer), verifier="reasoning_gym", metadata=json.loads(problem.metadata)
            )
            if (verdict := ReasoningGym().judge(row)).outcome != "correct":
                wrong.append((generator, form, verdict.extracted, verdict.reason))
    assert not wrong


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("<answer>12</answer>", "correct"),
        ("<answer>13</answer> not <answer>12</answer>", "correct"),
        ("<answer>12</answer> <answer>13</answer>", "wrong"),
    ],
)
def test_the_last_answer_wins(case, text, outcome):
    assert (
        ReasoningGym().judge(gym_case(case, {"question": "", "answer": "12", "metadata": {}}, text)).outcome == outcome
    )


def test_what_makes_a_scorer_raise_is_wrong_and_a_gold_answer_that_does_is_an_error(case):
    entry = {"question": "", "answer": "3 × 37", "metadata": {}}
    verdict = ReasoningGym().judge(gym_case(case, entry, "<answer>three</answer>", dataset="prime_factorization"))
    assert (verdict.outcome, verdict.reward) == ("wrong", 0.0)
    assert "ValueError" in verdict.reason
    broken = {**entry, "answer": "three"}
    assert (
        ReasoningGym().judge(gym_case(case, broken, "<answer>3</answer>", dataset="prime_factorization")).outcome
        == "verifier_error"
    )


def test_a_gold_answer_that_is_code_is_an_error_and_is_not_run(case, tmp_path):
    code = f"[__import__('pathlib').Path({str(tmp_path / 'mark')!r}).touch()]"
    entry = {"question": "", "answer": code, "metadata": {"direction": "ascending"}}
    assert (
        ReasoningGym().judge(gym_case(case, entry, "<answer>[1]</answer>", dataset="number_sorting")).outcome
        == "verifier_error"
    )
    assert not (tmp_path / "mark").exists()
