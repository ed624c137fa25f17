-- The expected share of GRPO groups of g that are neither all right nor all wrong, for a pass rate p ~ Beta(a, b): 1 -
-- E[p^g] - E[(1-p)^g], as `maths.rl.group_signal.expected_signal`; E[p^g] = B(a + g, b) / B(a, b).
CREATE MACRO signal(a, b, g) AS
greatest(
    0,
    1 - exp(lgamma(a + g) - lgamma(a) + lgamma(a + b) - lgamma(a + b + g))
      - exp(lgamma(b + g) - lgamma(b) + lgamma(a + b) - lgamma(a + b + g))
)
