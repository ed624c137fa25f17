"""Beta posteriors of pass rates: one problem's, a pool's prior with masses at 0 and 1, and what more attempts would tell."""
