"""Statistics of rollouts for RL: group signal, pass@k, expected improvement, evaluation, ability, sampling.

To add a function, put it in the file of its subject with a doctest, or in a new file with a twin test.
"""
