from assay.core.rewards import RewardTerms
from assay.maths.rl.reward_terms import has_format, in_language, soft_overlong, term_values


def test_the_overlong_penalty_is_the_papers_ramp():
    assert [soft_overlong(n, 20480, 0.2) for n in (0, 16384, 18432, 20480, 30000)] == [0.0, 0.0, -0.5, -1.0, -1.0]


def test_without_a_buffer_only_a_cut_rollout_is_penalised():
    assert (soft_overlong(99, 100, 0.0), soft_overlong(100, 100, 0.0)) == (0.0, -1.0)


def test_format_looks_for_the_pattern_anywhere_over_lines():
    assert has_format("a\n\\boxed{3}", RewardTerms().format_pattern) == 1.0
    assert has_format("3", RewardTerms().format_pattern) == 0.0


def test_undecided_texts_are_in_the_language():
    german = "Die Summe der beiden Zahlen ist nicht so gross wie das, was sie mit den Eiern und dem Korb hat."
    assert (in_language("$x = 3$", "en"), in_language(german, "en"), in_language(german, "de")) == (1.0, 0.0, 1.0)


def test_only_terms_that_are_on_have_values():
    assert term_values(RewardTerms(), "x", 1, 10) == {}
    assert term_values(RewardTerms(language=0.5), "x", 1, 10) == {"language": 1.0}
