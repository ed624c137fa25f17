"""What all rooms share: types, ports, hooks, parts, the config and errors. It imports nothing of ours.

`types` holds the nouns, `ports` what one room asks of another, `hooks` the optional methods of parts, `config` the
TOML file. To add a setting, add a field to its table in `config` and its line to `configs/reference.toml`.
"""
