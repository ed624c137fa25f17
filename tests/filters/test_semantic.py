import numpy as np
import pytest

from assay.core.ports import FilterContext
from assay.core.types import Problem
from assay.filters.semantic import Semantic

ONE = "A train leaves at 3:15 going 60 mph toward the coast."
TURNED = "Going toward the coast, a train leaves at 3:15 going 60 mph."
TWIN = "A train leaves at 9:40 going 45 mph toward the coast."


def test_a_turned_sentence_goes_and_names_what_stays_and_the_cosine(sift):
    first, second = sorted(Problem.of(text).id for text in (ONE, TURNED))
    (drop,) = sift(Semantic(), [(ONE, "7"), (TURNED, "7.0")]).values()
    assert (drop.problem_id, drop.reason) == (second, "semantic_duplicate")
    assert drop.detail.startswith("cosine 0.9")
    assert drop.detail.endswith(first)


def test_two_trains_are_two_problems_unless_told_otherwise(sift):
    pairs = [(ONE, "7"), (TWIN, "7")]
    assert not sift(Semantic(), pairs)
    assert not sift(Semantic(must_match="numbers"), pairs)
    assert len(sift(Semantic(must_match="none"), pairs)) == 1


def test_words_of_comparison_are_respected_unless_numbers_alone_are(sift):
    pairs = [("Ada has 3 more apples than Bob has pears.", "1"), ("Ada has 3 fewer apples than Bob has pears.", "1")]
    assert not sift(Semantic(threshold=0.8), pairs)
    assert len(sift(Semantic(threshold=0.8, must_match="numbers"), pairs)) == 1


def test_both_ends_of_threshold_answers_and_overlap(sift):
    pairs = [(ONE, "7"), (TURNED, "7")]
    assert not sift(Semantic(threshold=1.0), pairs)
    assert not sift(Semantic(), [(ONE, "7"), (TURNED, "8")])
    assert len(sift(Semantic(same_answer=False), [(ONE, "7"), (TURNED, "8")])) == 1
    assert not sift(Semantic(min_word_overlap=1.0), [(ONE, "7"), (ONE.replace("coast", "coats"), "7")])
    assert len(sift(Semantic(min_word_overlap=0.0), [(ONE, "7"), (ONE.replace("coast", "coats"), "7")])) == 1


def test_texts_that_the_encoder_cannot_tell_apart_share_no_word_and_stay(sift):
    assert not sift(Semantic(), [("Где живёт белый медведь зимой", "1"), ("Почему летом идут тёплые дожди", "1")])


def test_other_pictures_make_other_problems(sift):
    assert not sift(Semantic(), [(Problem.of("Find x.", media=(name,)), "1") for name in "ab"])
    assert len(sift(Semantic(), [(Problem.of(text, media=("a",)), "1") for text in ("Find x.", "Find x?")])) == 1


def test_a_chain_keeps_what_is_far_from_all_that_stays(sift):
    texts = ["aaaa bbbb", "aaaa bbbbbb", "aaaa bbbbbbbbb"]
    drops = sift(Semantic(threshold=0.97, min_word_overlap=0), [(text, "1") for text in texts])
    kept = [Problem.of(text) for text in texts if Problem.of(text).id not in drops]
    assert not sift(Semantic(threshold=0.97, min_word_overlap=0), [(problem, "1") for problem in kept])
    assert all(drop.detail.split()[-1] in {problem.id for problem in kept} for drop in drops.values())


def test_a_vector_without_direction_is_an_error(pairs_of, scripted):
    class Broken:
        revision = "broken"

        def encode(self, texts):
            return np.full((len(texts), 2), np.nan, np.float32)

    pytest.importorskip("faiss")
    from assay.embedding.neighbours import FaissNeighbours

    with pytest.raises(ValueError, match="row 0 has norm nan"):
        Semantic().sift(
            *pairs_of([(ONE, "7"), (TURNED, "7")]), FilterContext(encoder=Broken(), neighbours=FaissNeighbours())
        )


def test_settings_and_a_bench_that_cannot_do_are_named():
    with pytest.raises(ValueError, match="threshold 0"):
        Semantic(threshold=0)
    with pytest.raises(ValueError, match="this filter needs an encoder and a neighbour search to compare 1 problems"):
        Semantic().sift([Problem.of("a")], {}, FilterContext())


def test_exchanged_numbers_are_another_problem_even_where_the_answer_is_the_same(sift):
    cakes = ("A restaurant served 6 cakes during lunch and 9 pizzas during dinner.", "15")
    exchanged = ("A restaurant served 9 cakes during lunch and 6 pizzas during dinner.", "15")
    around = ("A restaurant served 9 pizzas during dinner and 6 cakes during lunch.", "15")
    assert not sift(Semantic(), [cakes, exchanged])
    assert len(sift(Semantic(), [cakes, around])) == 1
