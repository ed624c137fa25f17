"""How far a verifier can be trusted, measured on judgements whose truth is known; counts first, rates with their intervals after."""

from assay.stores.columns import FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("verifier", TEXT, "the part that judged"),
    column("version", TEXT, "its version"),
    column("sampled_accepted", INT, "accepted answers that were looked at again"),
    column("wrong_accepted", INT, "those of them that are wrong in truth"),
    column("sampled_rejected", INT, "rejected answers that were looked at again"),
    column("right_rejected", INT, "those of them that are right in truth"),
    column("soundness", FLOAT, "share of accepted answers that are right, in [0, 1], 1 = accepts nothing wrong"),
    column("soundness_low", FLOAT, "lower end of its interval"),
    column("soundness_high", FLOAT, "upper end of its interval"),
    column("completeness", FLOAT, "share of right answers that are accepted, in [0, 1], 1 = rejects nothing right"),
    column("completeness_low", FLOAT, "lower end of its interval"),
    column("completeness_high", FLOAT, "upper end of its interval"),
)
