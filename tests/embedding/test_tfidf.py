import numpy as np

from assay.embedding import tfidf
from assay.embedding.tfidf import Tfidf, fit_revision, fit_tfidf

TEXTS = tuple(f"a train leaves at {n} and goes {n + 3} miles" for n in range(200))


def test_every_row_has_norm_one_even_for_strangers_and_for_nothing():
    rows = Tfidf(tuple(sorted(TEXTS)), dims=16).encode([*TEXTS, "zzz unheard", "", "   "])
    assert rows.dtype == np.float32
    assert rows.shape == (203, 17)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert (rows[-3:] @ rows[-1] > 0.999).all()


def test_a_sign_and_a_number_are_words():
    encoder = Tfidf(("3 + 4", "3 - 4", "3 + 5"))
    plus, minus, five = encoder.encode(["3 + 4", "3 - 4", "3 + 5"])
    assert plus @ minus < 0.99
    assert plus @ five < 0.99


def test_alike_texts_are_nearer_than_strange_ones():
    encoder = Tfidf(tuple(sorted((*TEXTS, "find the area of the circle", "find the area of the square"))))
    circle, square, train = encoder.encode(["find the area of the circle", "find the area of the square", TEXTS[0]])
    assert circle @ square > circle @ train


def test_a_text_has_the_same_vector_in_any_company():
    encoder = Tfidf(tuple(sorted(TEXTS)), dims=8)
    np.testing.assert_allclose(encoder.encode(TEXTS[:5])[3], encoder.encode([TEXTS[3]])[0], atol=1e-6)


def test_two_fits_of_one_corpus_agree_and_another_corpus_is_another_revision():
    first, second, other = Tfidf(("a b", "c d")), Tfidf(("a b", "c d")), Tfidf(("a b", "c e"))
    assert first.revision == second.revision != other.revision
    assert first.revision != Tfidf(("a b", "c d"), dims=4).revision
    np.testing.assert_array_equal(first.encode(["a d"]), second.encode(["a d"]))


def test_a_corpus_without_a_word_still_gives_unit_rows():
    assert Tfidf(()).encode(["anything", ""]).tolist() == [[1.0], [1.0]]


def test_no_text_is_no_row():
    assert Tfidf(("a b", "c d")).encode([]).shape == (0, 5)


def test_a_large_corpus_is_fitted_to_a_draw_that_has_a_revision_of_its_own(monkeypatch):
    texts = sorted(TEXTS)
    whole = fit_tfidf(texts)
    assert whole == Tfidf(tuple(texts))
    revision = whole.revision
    monkeypatch.setattr(tfidf, "FIT_TEXTS", 50)
    drawn = fit_tfidf(iter(texts))
    assert len(set(drawn.corpus)) == 50
    assert set(drawn.corpus) < set(texts)
    assert list(drawn.corpus) == sorted(drawn.corpus) != texts[:50]
    assert drawn.revision == fit_revision(iter(texts)) != revision
    assert fit_tfidf(texts[1:]).revision != drawn.revision
    assert len(drawn.encode(texts)) == 200
