import numpy as np

from assay.curricula.online.deck import Deck


def test_a_deck_deals_each_row_once_a_round_and_another_order_the_next():
    deck = Deck(np.arange(20), 3)
    rounds = [[deck.deal() for _ in range(20)] for _ in range(2)]
    assert sorted(rounds[0]) == sorted(rounds[1]) == list(range(20))
    assert rounds[0] != rounds[1]


def test_a_deck_goes_on_where_another_stood():
    first, second = Deck(np.arange(5), 1), Deck(np.arange(5), 1)
    rows = [first.deal() for _ in range(12)]
    second.dealt = 7
    assert [second.deal() for _ in range(5)] == rows[7:]
