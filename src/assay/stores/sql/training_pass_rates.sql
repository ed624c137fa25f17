-- How often a policy in training solved a problem, step by step: one row per training, step, problem, sampler, label and
-- verifier version. Guided rollouts and those of superseded attempts at a step are left out. Counts are strict.
--
-- training: stages.key of the train stage; null of rollouts that came from elsewhere
-- step: optimiser step that sampled them, from 0
-- policy: rollouts.policy, the revision of that step's weights
-- n: attempts of every outcome at this step
-- mean: (n_correct + 1/2) / (n_correct + n_wrong + 1), in (0, 1), 1 = always solved
-- problem_id, policy_name, sampler, label_id, verifier, version, n_correct, n_wrong, n_truncated, n_error, tokens,
--   n_correct_lenient, disputed: as in pass_rates
CREATE VIEW training_pass_rates AS
WITH counts AS (
    SELECT l.training, r.step, r.policy, any_value(r.policy_name) AS policy_name, r.problem_id, r.sampler, v.label_id,
           v.verifier, v.version, count(*) AS n,
           count(*) FILTER (v.outcome = 'correct') AS n_correct,
           count(*) FILTER (v.outcome IN ('wrong', 'unparsable')) AS n_wrong,
           count(*) FILTER (v.outcome = 'truncated') AS n_truncated,
           count(*) FILTER (v.outcome = 'verifier_error') AS n_error,
           sum(r.tokens)::BIGINT AS tokens,
           count(*) FILTER (counted(v.outcome, v.lenient, 'lenient') = 'correct') AS n_correct_lenient,
           n_correct = 0 AND n_correct_lenient > 0 AS disputed
    FROM rollouts r JOIN verdicts v ON v.rollout_id = r.id
    LEFT JOIN (SELECT DISTINCT training, policy FROM train_metrics) l ON l.policy = r.policy
    WHERE NOT r.guided AND r.step IS NOT NULL AND r.policy NOT IN (SELECT policy FROM superseded)
    GROUP BY l.training, r.step, r.policy, r.problem_id, r.sampler, v.label_id, v.verifier, v.version
)
SELECT *, (n_correct + 0.5::DOUBLE) / (n_correct + n_wrong + 1) AS mean FROM counts
