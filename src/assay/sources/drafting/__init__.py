"""Guess from a data file's rows which settings of a source read them."""
