"""Commands of `train`, one file per command.

To add one, write NAME.py with a function whose docstring is its help, and add its line to `cli/apps.py`.
"""
