import pytest

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.filters.clear import Clear


@pytest.fixture
def judged(build_filter_context, pairs_of):
    """What becomes of one problem with gold answer 4, by what the policy says."""

    def judge(said, **settings):
        found = Clear(**settings).sift(*pairs_of([("2 + 2?", "4")]), build_filter_context({"2 + 2?": said}))
        return found[0] if found else None

    return judge


def test_eight_votes_for_another_answer_make_a_new_label_with_its_origin(judged):
    assert judged(["5"] * 8) == Label.of(Problem.of("2 + 2?").id, "5", verifier="math", origin="corrected")


def test_votes_compare_by_value(judged):
    assert judged(["5", "5.0", "$5", "5", "5", "5", "5", "5"]).answer == "$5"


def test_doubt_is_a_drop_that_names_both_answers(judged):
    drop = judged(["5"] * 7 + ["1"])
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.detail) == ("doubtful_label", "7 of 8 votes for '5', none for '4'")


def test_above_one_nothing_is_corrected(judged):
    assert isinstance(judged(["5"] * 8, correction_share=1.01), Drop)
    assert isinstance(judged(["5"] * 7 + ["1"], correction_share=0.8), Label)


@pytest.mark.parametrize(
    ("gold", "said"), [("\\text{4:30 p.m.}", "4:30 \\text{ p.m.}"), ("$10\\, \\text{cm}$", "10 \\mathrm{cm}")]
)
def test_the_gold_answer_in_another_dress_is_a_vote_for_it(build_filter_context, pairs_of, gold, said):
    assert not Clear().sift(*pairs_of([("When?", gold)]), build_filter_context({"When?": [said, *["7"] * 7]}))
    assert Clear().sift(*pairs_of([("When?", gold)]), build_filter_context({"When?": [said.replace("0", "1")] * 8}))


def test_one_vote_for_the_gold_answer_keeps_it(judged):
    assert judged(["5"] * 7 + ["4"]) is None


def test_a_split_vote_is_a_hard_problem(judged):
    assert judged(["1", "2", "3", "5", "6", "7", "8", "9"]) is None


def test_no_change_is_silent_below_eta(judged):
    assert judged(["5"] * 6 + ["1", "2"]) is None
    assert isinstance(judged(["5"] * 6 + ["1", "2"], drop_share=0.5, correction_share=0.75), Label)
    assert judged(["5"] * 7 + ["1"], drop_share=1.0, correction_share=1.0) is None


def test_few_votes_say_nothing(judged):
    assert judged(["5", "5", "5", "5", "5", None, None, None]) is None
    assert isinstance(judged(["5", "5", "5", "5", "5", "5", None, None]), Label)
    assert judged([]) is None


def test_a_planted_fifth_of_wrong_labels_is_found(build_filter_context, pairs_of):
    pairs = [(f"{n} + {n}?", str(2 * n + (n % 5 == 0))) for n in range(1, 51)]
    said = {prompt: [str(2 * int(prompt.split()[0]))] * 8 for prompt, _ in pairs}
    fresh = Clear().sift(*pairs_of(pairs), build_filter_context(said))
    assert sorted(int(label.answer) for label in fresh) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


def test_settings_and_a_bench_that_cannot_do_are_named():
    with pytest.raises(ValueError, match=r"drop_share 0\.9 must be in \(0, 1\] and at most correction_share 0\.8"):
        Clear(drop_share=0.9, correction_share=0.8)
    with pytest.raises(ValueError, match="votes 9"):
        Clear(min_votes=9)
    with pytest.raises(ValueError, match="this filter needs a policy to vote on 1 problems"):
        Clear().sift([Problem.of("a")], {}, FilterContext())
