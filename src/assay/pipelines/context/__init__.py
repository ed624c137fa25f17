"""What every stage is given: the run with its config, lake, engine and ledger; locks between runs; the check of a served model.

To add something that all stages need, give `RunContext` a property here; what one stage needs stays in that stage's file.
"""
