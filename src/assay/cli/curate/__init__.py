"""Commands of `curate`, one file each."""
