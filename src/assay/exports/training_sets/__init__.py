"""Training sets: what synthesis stored, in the form that SFT, preference and process-reward trainers read.

To add one: a file NAME.py with a frozen dataclass of that name. `table` says which table's rows it takes (targets,
pairs or step_labels), `rows` turns them into the rows of a file, `left_out` says why a row cannot be expressed, and
`snippet` shows how that trainer reads the file. Every set gets a dataset card (`_card.py`).
"""
