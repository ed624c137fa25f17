"""Sets of unit vectors: k-means++ seeding, coverage, facility location, cluster weights.

To add a function, put it in the file of its subject with a doctest, or in a new file with a twin test.
"""
