"""Rounds of curate, train and refresh: checkpoints as policies, held-out evaluation, fresh pass rates.

To add a step to each round, write it in a file here and add it to `STAGES` of `rounds.py`.
"""
