from assay.maths.text.keywords import keywords


def test_a_word_of_one_group_beats_a_word_of_all():
    groups = {0: ["the area of a circle", "the area of a square"], 7: ["the trains meet", "the trains leave"]}
    assert keywords(groups, most=2) == {0: ["area", "circle"], 7: ["trains", "leave"]}


def test_numbers_and_letters_are_no_keywords_and_nothing_has_none():
    assert keywords({0: ["x 12 3rd", ""], 1: ["y"]}) == {0: [], 1: []}
    assert keywords({}) == {}


def test_both_ends_of_most():
    assert keywords({0: ["one word"]}, most=0) == {0: []}
    assert keywords({0: ["one word"]}, most=9) == {0: ["one", "word"]}


def test_the_commonest_words_of_a_language_come_last():
    assert keywords({0: ["how many apples", "how many trains", "how many cats"], 1: ["x"]}, most=5)[0] == [
        "apples",
        "cats",
        "trains",
        "how",
        "many",
    ]
