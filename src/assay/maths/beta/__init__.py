"""Beta posteriors of pass rates: of one problem, of a pool with masses at 0 and 1, and after further attempts.

To add a function, put it in the file of its subject with a doctest, or in a new file with a twin test.
"""
