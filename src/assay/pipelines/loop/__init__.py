"""Rounds of curate, train and refresh, and what they need: checkpoints as policies, held-out evaluation, fresh pass rates.

To add a step to each round, write it here and call it from `rounds.py`.
"""
