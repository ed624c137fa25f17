"""The autopsy of a rollout log: what its tokens were spent on, what is wrong with its prompts and grades, and what
choosing would have saved. Zero tokens, no config, no lake.

columns (what a log calls its columns), read (rows -> attempts), groups (signal over time), prompts (copies,
benchmarks), grades (strict and lenient re-grading), trend (reward against correctness), replay (ways of choosing),
table, pool, page. A new finding is a function that returns rows of `table.Finding`, called in `run`.
"""
