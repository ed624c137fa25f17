from dataclasses import replace


def test_cut_and_failed_attempts_count_for_no_pass_rate(chosen):
    assert (chosen.graded, replace(chosen, truncated=9, error=9).graded, replace(chosen, wrong=0).graded) == (4, 4, 3)
