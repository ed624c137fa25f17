"""Methods of synthesis: stored attempts become answers to imitate, preferences, step labels, labels and new problems.

To add one, write a frozen dataclass in NAME.py with `needs`, `draws` and `synthesize` (`core.ports.Synthesizer`), its
twin test and its row in `docs/methods.md`. A method reads and asks through its evidence alone; the stage writes, and
judges every row again.
"""
