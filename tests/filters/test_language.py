import pytest

from assay.core.types import Problem
from assay.filters.language import Language

GERMAN = "Wie viele Äpfel sind im Korb, wenn sie drei von den acht Äpfeln isst?"
SIGNS = "$x^2 + 3x = 4$"


def test_another_language_goes_and_is_named(sift):
    (drop,) = sift(Language(), [("How many apples are in the box?", "1"), (GERMAN, "5")]).values()
    assert (drop.problem_id, drop.reason, drop.detail) == (Problem.of(GERMAN).id, "language", "de, not en")


def test_several_may_stay(sift):
    assert not sift(Language(keep=("en", "de")), [("How many apples are in the box?", "1"), (GERMAN, "5")])


def test_both_ends_of_unknown(sift):
    assert not sift(Language(), [(SIGNS, "1")])
    (drop,) = sift(Language(keep_undecided=False), [(SIGNS, "1")]).values()
    assert drop.detail == "und, not en"


def test_no_language_to_keep_is_refused():
    with pytest.raises(ValueError, match="at least one language"):
        Language(keep=())
