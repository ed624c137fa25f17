"""What a step minimises: one file an objective, each a frozen dataclass with `arguments`, `per_token` and `mean`."""
