"""How often a verifier is wrong, measured on answers that a person marked; a new sheet adds rows and changes none."""

from assay.stores.schema import FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("verifier", TEXT, "the part that was audited"),
    column("version", TEXT, "its version"),
    column("accepted", INT, "accepting verdicts among those that were sampled from"),
    column("rejected", INT, "rejecting verdicts among the same"),
    column("accepted_right", INT, "marked right among the accepted of the sample"),
    column("accepted_wrong", INT, "marked wrong among them"),
    column("rejected_right", INT, "marked right among the rejected of the sample"),
    column("rejected_wrong", INT, "marked wrong among them"),
    column("soundness", FLOAT, "P(rejected | wrong), in [0, 1], 1 = no wrong answer passes"),
    column("soundness_low", FLOAT, "lower end of its 95% interval"),
    column("soundness_high", FLOAT, "upper end"),
    column("completeness", FLOAT, "P(accepted | right), in [0, 1], 1 = no right answer fails"),
    column("completeness_low", FLOAT, "lower end of its 95% interval"),
    column("completeness_high", FLOAT, "upper end"),
    column("mode", TEXT, "the reading that was audited: strict or lenient; null = strict"),
    column("source", TEXT, "the source whose answers were marked; null = all sources"),
    made_by=("audit",),
    restored=False,
    forget="keep",
)
