"""The viewer: a local, read-only page over a lake. Nothing here is imported before `curate view` starts."""
