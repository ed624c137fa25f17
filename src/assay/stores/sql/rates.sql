-- `pass_rates` under a mode, 'strict' or 'lenient'. The posterior is Jeffreys', Beta(correct + 1/2, wrong + 1/2);
-- truncated and failed attempts are neither. Guided rollouts say nothing about the policy, and what training sampled
-- is another policy at each step (`training_pass_rates`). One rollout has one verdict per label and verifier version,
-- so a regraded lake shows one row per version.
CREATE MACRO rates(mode) AS TABLE
WITH counts AS (
    SELECT r.problem_id, r.policy, r.sampler, v.label_id, v.verifier, v.version, any_value(r.policy_name) AS policy_name,
           count(*) FILTER (counted(v.outcome, v.lenient, mode) = 'correct') AS n_correct,
           count(*) FILTER (counted(v.outcome, v.lenient, mode) IN ('wrong', 'unparsable')) AS n_wrong,
           count(*) FILTER (counted(v.outcome, v.lenient, mode) = 'truncated') AS n_truncated,
           count(*) FILTER (counted(v.outcome, v.lenient, mode) = 'verifier_error') AS n_error,
           sum(r.tokens)::BIGINT AS tokens,
           count(*) FILTER (counted(v.outcome, v.lenient, 'lenient') = 'correct') AS n_correct_lenient,
           count(*) FILTER (v.outcome = 'correct') = 0 AND n_correct_lenient > 0 AS disputed
    FROM attempts r JOIN verdicts v ON v.rollout_id = r.id
    WHERE NOT r.guided AND r.step IS NULL AND r.policy NOT IN (SELECT policy FROM superseded)
    GROUP BY r.problem_id, r.policy, r.sampler, v.label_id, v.verifier, v.version
)
SELECT c.problem_id, c.policy, c.policy_name, c.sampler, c.label_id, c.verifier, c.version,
       n_correct, n_wrong, n_truncated, n_error, n_correct + n_wrong + n_truncated + n_error AS n, tokens,
       n_correct + 0.5::DOUBLE AS beta_a, n_wrong + 0.5::DOUBLE AS beta_b,
       (n_correct + 0.5::DOUBLE) / (n_correct + n_wrong + 1) AS mean,
       i.low, i.high,
       n_correct / nullif(n_correct + n_wrong + n_truncated, 0) AS rate_if_truncated_wrong,
       (n_correct + n_truncated) / nullif(n_correct + n_wrong + n_truncated, 0) AS rate_if_truncated_right,
       signal(n_correct + 0.5, n_wrong + 0.5, 8) AS p_mixed_8,
       signal(n_correct + 0.5, n_wrong + 0.5, 16) AS p_mixed_16,
       n_correct_lenient, disputed
FROM counts c LEFT JOIN intervals i ON i.prior = 'jeffreys' AND i.correct = c.n_correct AND i.wrong = c.n_wrong
