"""Train a policy on a curriculum with GRPO on TRL, and hand back every rollout as evidence.

`grpo.train` is the way in; `trainer/` holds its machinery. To add a loss, add a file to `objectives/`; to add another
way of training, a file beside `grpo.py`.
"""
