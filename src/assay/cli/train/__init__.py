"""Commands of `train`, one file each."""
