"""Questions about a lake or a config that change nothing: costs, comparisons, summaries, reports, exports.

To add one, write a file with one function that takes the run context and returns plain rows, and a command that
prints them.
"""
