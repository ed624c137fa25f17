"""Stages over tables, and what is asked of a lake beside them; the only room that joins rooms.

Seven folders, each of which opens only onto those below it: `analysis` and `loop`, `runner`, `stages`, `sampling`,
`data`, `context`. A new stage is a file in `stages` and a line in its list; a new question to a lake, a file in
`analysis`.
"""
