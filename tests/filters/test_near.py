import random
import time

import pytest

from assay.core.types import Problem
from assay.filters.near import Near

TEXT = (
    "Every Saturday the old farmer drives his truck from the village to the market and sells {} boxes of apples for {} dollars each "
    "while his daughter waits at the river with the horses and watches the boats that carry wood to the town beyond the hills"
)


def test_a_copy_with_one_other_word_goes_and_names_what_stays_and_how_similar(sift):
    one, other = Problem.of(TEXT.format(3, 5)), Problem.of(TEXT.format(3, 5).replace("horses", "ponies"))
    first, second = sorted((one.id, other.id))
    (drop,) = sift(Near(), [(one, "15"), (other, "15")]).values()
    assert (drop.problem_id, drop.reason) == (second, "near_duplicate")
    assert drop.detail == f"similarity 0.875 to {first}"  # 47 words, 45 shingles of which 3 changed: 42 / 48


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TEXT.format(3, 5), TEXT.format(3, 6)),
        (TEXT.format("three", 5), TEXT.format("four", 5)),
        (TEXT.format(3, 5), TEXT.format(3, 5).replace("dollars", "euros")),
        (TEXT.format(3, 5), TEXT.format(3, 5).replace("dollars each", "dollars")),
        (TEXT.format("$x$", 5), TEXT.format("$y$", 5)),
        (TEXT.format("x²", 5), TEXT.format("x³", 5)),
    ],
)
def test_a_twin_with_another_number_unit_or_word_of_comparison_stays(sift, one, other):
    assert not sift(Near(), [(one, "1"), (other, "2")])


def test_the_threshold_turns_both_ways(sift):
    pairs = [(TEXT.format(3, 5), "15"), (TEXT.format(3, 5).replace("horses", "ponies"), "15")]
    assert len(sift(Near(threshold=0.1), pairs)) == 1
    assert not sift(Near(threshold=1.0), pairs)
    assert len(sift(Near(threshold=1.0), [pairs[0], (TEXT.format(3, 5) + ".", "15")])) == 1


def test_ordinary_words_that_matter_show_in_the_gold_answer(sift):
    text = "A chess team has $26$ members, and $16$ met: half of the girls but all of the boys attended. How many {} are on the team?"
    pairs = [(text.format("girls"), "20"), (text.format("boys"), "6")]
    assert not sift(Near(), pairs)
    assert len(sift(Near(same_answer=False), pairs)) == 1
    assert len(sift(Near(), [(TEXT.format(3, 5), "15"), (TEXT.format(3, 5).replace("horses", "ponies"), "15.0")])) == 1


def test_words_that_are_spelt_in_capitals_are_names(sift):
    text = "Determine the number of ways to arrange the letters of the word {}."
    assert not sift(Near(same_answer=False), [(text.format("TARTAR"), "90"), (text.format("PROOF"), "60")])


def test_other_pictures_make_other_problems(sift):
    assert not sift(Near(), [(Problem.of("Find x.", media=(name,)), "1") for name in "ab"])


def test_a_planted_set_is_found_whole_and_no_twin_is_reported(sift):
    rng = random.Random(7)
    words = [
        f"{one}{two}"
        for one in ["banker", "colour", "dinner", "forest", "garden"]
        for two in ["ia", "ob", "ur", "em", "ys"]
    ]
    bases = [
        [rng.choice(words) for _ in range(40)] + [str(n)] + [rng.choice(words) for _ in range(40)] for n in range(200)
    ]
    copies = [[*base[:20], "lantern", *base[21:]] for base in bases[:50]]
    twins = [[str(int(word) + 1000) if word.isdigit() else word for word in base] for base in bases[50:100]]
    drops = sift(Near(), [(" ".join(each), "1") for each in (*bases, *copies, *twins)])
    pairs = [{Problem.of(" ".join(each)).id for each in pair} for pair in zip(bases, copies)]
    assert len(drops) == 50
    assert all(len(pair & set(drops)) == 1 for pair in pairs)


def test_a_thousand_problems_without_a_protected_token_take_no_thousand_squared(sift):
    rng = random.Random(1)
    words = [f"w{chr(97 + n % 26)}{chr(97 + n // 26)}e" for n in range(600)]
    texts = [" ".join(rng.choices(words, k=60)) for _ in range(1000)]
    template = [" ".join([*words[:59], rng.choice(words)]) for _ in range(1000)]
    began = time.process_time()
    drops = sift(Near(), [(text, "1") for text in texts + template])
    assert time.process_time() - began < 3
    assert len(drops) == len(set(template)) - 1


@pytest.mark.parametrize("settings", [{"threshold": 0}, {"threshold": 1.5}, {"shingle_words": 0}])
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(ValueError, match=str(next(iter(settings.values())))):
        Near(**settings)
