"""TRL's GRPO trainer with our order of problems, shared prompts, losses and records.

`trainer` is TRL's class with these parts in place, `build` makes one for a run, and the other files are the parts. To
act between steps, add a callback to `callbacks.py`; a new loss is a file in `training/objectives`.
"""
