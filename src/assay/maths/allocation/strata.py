"""Which problems to attempt again: a share of every stratum, by what was last measured of them."""

import math
from collections.abc import Hashable, Mapping

from assay.core.identity import content_id

UNSOLVED, SOLVED, UNSCORED = "never solved", "always solved", "unscored"
QUARTERS = ("below 1/4", "1/4 to 1/2", "1/2 to 3/4", "above 3/4")


def stratum(correct: int, wrong: int, rate: float) -> str:
    """The stratum is never solved, always solved, else the quarter of the pass rate; without a graded attempt unscored.

    >>> stratum(0, 8, 0.06), stratum(8, 0, 0.94), stratum(2, 6, 0.28), stratum(0, 0, 0.5)
    ('never solved', 'always solved', '1/4 to 1/2', 'unscored')
    """
    if correct + wrong == 0:
        return UNSCORED
    if correct == 0 or wrong == 0:
        return SOLVED if correct else UNSOLVED
    return QUARTERS[min(int(rate * 4), 3)]


def sample_strata(
    strata: Mapping[str, str], shares: Mapping[str, float], share: float, *seed: Hashable
) -> tuple[str, ...]:
    """ceil(share x size) ids of each stratum, drawn by hash order of the seed, ids ascending; a share of 1 draws all.

    `strata` is {id: stratum}; a stratum that `shares` does not name gets `share`. A share of 0 draws none, one above 0
    at least one id of every stratum, so none goes unseen. What is drawn of a stratum depends on nothing outside it.
    """
    groups: dict[str, list[str]] = {}
    for id_, name in strata.items():
        groups.setdefault(name, []).append(id_)
    drawn_ids: list[str] = []
    for name, ids in groups.items():
        count = math.ceil(shares.get(name, share) * len(ids) - 1e-9)  # .1 x 30 is 3.0000000000000004
        drawn_ids += sorted(ids, key=lambda id_: content_id("again", *seed, id_))[:count]
    return tuple(sorted(drawn_ids))
