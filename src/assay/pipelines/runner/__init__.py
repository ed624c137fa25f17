"""Run the stages in their order, in this process or with many workers on one lake.

`stages` holds the ordered list; `score_workers` and `score_waves` share scoring among processes.
"""
