"""One file per stage, from ingest to train: its key, what is left to do, and how to do it.

To add a stage, write its file here and add its line to the list in `runner/stages.py`.
"""
