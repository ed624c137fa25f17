"""Verifiers from outside this package: a reward function of one's own, or one that was written for another trainer.

`python:MODULE:NAME`, `verl:FILE:FUNCTION`, `trl:MODULE:FUNCTION` and `verifiers:TASKSET` are loaded in worker
processes. To add another signature of rewards, change `conventions.py`.
"""
