"""TRL's trainer with its seams: order of problems, shared prompts, losses, what is recorded of each step.

To change what happens between steps, add a callback to `callbacks.py`; a new loss is a file in `training/objectives`.
"""
