"""How attempts and places are allocated: adaptive sampling, quotas, strata, targets, and priors from embeddings.

To add a function, put it in the file of its subject with a doctest, or in a new file with a twin test.
"""
