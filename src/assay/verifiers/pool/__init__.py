"""Judge in worker processes that can be killed: a hang, a crash or a memory bomb costs one case.

`grader` is what pipelines use, `fork_server` and `judging` are the other side of its pipes. Replies are checked lines
of JSON; nothing that a worker sends is unpickled. A new kind of reply goes into `replies.py`, for both sides.
"""
