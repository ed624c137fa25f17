"""What an adaptive curriculum knew at each step, so that a run can be resumed and explained."""

from assay.stores.schema import FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("training", TEXT, "stages.key of the train stage"),
    column("step", INT, "optimiser step, from 0"),
    column("arm", TEXT, "category, level or lesson that may be drawn"),
    column("value", FLOAT, "the curriculum's estimate of what the arm teaches; more = drawn more"),
    column("probability", FLOAT, "with which the arm is drawn, in [0, 1]; null where it is not random"),
    column("reward", FLOAT, "what drawing it brought at this step; null where it was not drawn"),
    column("n", INT, "times drawn so far"),
    column("state", TEXT, "JSON of what else resuming needs"),
)
