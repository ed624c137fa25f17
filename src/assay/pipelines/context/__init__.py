"""What every stage receives: the run with its config, lake, engine and ledger; the base class of stages; locks of runs.

To add something that all stages need, give `RunContext` a property here; what one stage needs stays in its own file.
"""
