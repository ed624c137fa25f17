"""Verifiers in processes that can be killed: `grader` is what pipelines use, `fork_server` and `judging` are the other side.

Replies are checked lines of JSON; nothing is unpickled. A new kind of reply goes into `replies.py`, on both sides.
"""
