import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.maths.text.shingles import first_similar, jaccard, shingles

SETS = st.lists(st.frozensets(st.tuples(st.integers(0, 9)), min_size=1, max_size=8), max_size=14)


def test_one_changed_word_in_eleven_changes_three_of_nine_shingles():
    words = [f"w{n}" for n in range(11)]
    one = shingles(" ".join(words))
    other = shingles(" ".join([*words[:5], "new", *words[6:]]))
    assert len(one) == len(other) == 9
    assert jaccard(one, other) == 6 / 12


def test_case_and_punctuation_do_not_count():
    assert shingles("Red, green: BLUE!") == shingles("red green blue")


def test_a_text_shorter_than_a_shingle_is_one_shingle():
    assert shingles("two words") == {("two", "words")}
    assert jaccard(shingles(""), shingles("...")) == 1


def test_two_empty_sets_are_equal():
    assert jaccard(frozenset(), frozenset()) == 1
    assert jaccard(frozenset(), {1}) == 0


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.7, 1.0])
@given(sets=SETS)
def test_prefix_filtering_finds_what_comparing_all_pairs_finds(threshold, sets):
    kept, slow = [], []
    for row, each in enumerate(sets):
        near = next((other for other in kept if jaccard(each, sets[other]) >= threshold - 1e-9), None)
        slow.append(row if near is None else near)
        if near is None:
            kept.append(row)
    assert [row for row, _ in first_similar(sets, threshold)] == slow


def test_no_two_that_stay_are_near_and_a_similarity_of_exactly_the_threshold_counts():
    a, b = frozenset((n,) for n in range(10)), frozenset((n,) for n in range(7))
    assert first_similar([a, b], 0.7) == [(0, 1.0), (0, 0.7)]
    assert first_similar([a, b], 0.71) == [(0, 1.0), (1, 1.0)]


def test_random_near_copies_are_all_found():
    rng = random.Random(0)
    base = [frozenset((rng.randrange(10**6),) for _ in range(50)) for _ in range(40)]
    copies = [frozenset(sorted(each)[: rng.randrange(36, 50)]) for each in base]  # at least .72 similar
    found = first_similar([*base, *copies], 0.7)
    assert [row for row, _ in found] == [*range(40), *range(40)]
    assert max(jaccard(one, other) for one, other in combinations(base, 2)) < 0.1


@pytest.mark.parametrize("threshold", [0, -1, 1.1])
def test_a_threshold_outside_its_range_is_named(threshold):
    with pytest.raises(ValueError, match=str(threshold)):
        first_similar([], threshold)
