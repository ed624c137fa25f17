"""Run programs that nobody trusts: with a root of their own, and bounded memory, processes and time.

`launcher` starts a jail and is what other code uses; `jail`, `root`, `watcher`, `program_side` and `tests_side` run
inside it; to add a bound, begin in `launcher`; `framing` and `wire_format` carry plain data between both sides.
Everything inside the jail uses the standard library only, and nothing else of this package but `verifiers/isolation`.
"""
