"""Fisher's exact test against scipy's, and at its ends."""

import numpy as np
import pytest
from scipy import stats

from assay.maths.beta.rise import rise_p_value


@pytest.mark.parametrize("seed", range(5))
def test_it_is_scipys_one_sided_test(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = (int(size) for size in rng.integers(1, 12, 2))
    k, j = int(rng.integers(0, n + 1)), int(rng.integers(0, m + 1))
    peer = stats.fisher_exact([[j, m - j], [k, n - k]], alternative="greater").pvalue
    assert rise_p_value((k, n), (j, m)) == pytest.approx(peer)


def test_nothing_attempted_is_no_evidence_and_impossible_counts_are_refused() -> None:
    assert rise_p_value((0, 0), (0, 0)) == rise_p_value((0, 0), (3, 3)) == 1.0
    with pytest.raises(ValueError, match="5 of 4 and 0 of 4"):
        rise_p_value((5, 4), (0, 4))
