"""Run the stages in their order, in this process or with many workers on one lake.

`stages` holds the ordered list; `score_workers` and `score_waves` share scoring among processes. Another
way to drive shards calls `score_workers` as `flows/shards.py` does.
"""
