import pytest

from assay.verifiers.reasoning_gym import ReasoningGym

gym = pytest.importorskip("reasoning_gym")


def gym_case(case, entry, text, gold=None, dataset="basic_arithmetic", **changes):
    stored = {"reasoning_gym": {"dataset": dataset, "entry": entry}}
    return case(gold or entry["answer"], text, verifier="reasoning_gym", metadata=stored, **changes)


@pytest.mark.parametrize("dataset", ["basic_arithmetic", "chain_sum", "countdown", "letter_counting"])
def test_the_generators_own_answer_scores_one(case, dataset):
    entry = gym.create_dataset(dataset, size=1, seed=3)[0]
    entry = {key: entry[key] for key in ("question", "answer", "metadata")}
    assert ReasoningGym().judge(gym_case(case, entry, f"The answer is {entry['answer']}", dataset=dataset)).outcome == "correct"


def test_another_solution_than_the_stored_one_is_correct_where_the_generator_says_so(case):
    entry = {"question": "", "answer": "2*3+4", "metadata": {"numbers": [2, 3, 4], "target": 10}}
    assert ReasoningGym().judge(gym_case(case, entry, "The answer is 4+3*2", dataset="countdown")).outcome == "correct"


def test_a_partial_score_is_the_reward_of_a_wrong_answer(case):
    verdict = ReasoningGym().judge(gym_case(case, {"question": "", "answer": "12", "metadata": {}}, "The answer is 312"))
    assert (verdict.outcome, verdict.reward) == ("wrong", 2 / 3)  # "12" is two of the three characters


def test_the_last_number_is_read_for_a_gold_number_and_only_from_finished_texts(case):
    entry = {"question": "", "answer": "-4", "metadata": {}}
    assert ReasoningGym().judge(gym_case(case, entry, "5 - 3 = 2 and 2 - 6 = -4")).outcome == "correct"
    assert ReasoningGym().judge(gym_case(case, entry, "5 - 3 = 2 and 2 - 6 = -4", finish="length")).outcome == "truncated"


def test_a_corrected_label_regrades(case):
    entry = {"question": "", "answer": "12", "metadata": {}}
    assert ReasoningGym().judge(gym_case(case, entry, "#### 13", gold="13")).outcome == "correct"


def test_a_problem_without_its_entry_is_an_error(case):
    assert ReasoningGym().judge(case("4", "4", verifier="reasoning_gym")).outcome == "verifier_error"
