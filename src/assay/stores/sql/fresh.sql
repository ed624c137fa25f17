-- Pass rates from the last steps of each training run; an attempt weighs discount^age, so that 1 = all alike.
-- The weights are those of evidence, so the posterior is Beta(1/2 + weighted right, 1/2 + weighted wrong). Superseded
-- attempts and guided rollouts do not count. Cut and failed ones are neither; `cut` is the weight of the former, which
-- a plan may take for wrong.
CREATE MACRO fresh(last, discount, mode := 'strict') AS TABLE
WITH steps AS (
    SELECT DISTINCT training, step, policy FROM train_metrics
    WHERE name = 'reward' AND policy NOT IN (SELECT policy FROM superseded)
),
ages AS (SELECT *, max(step) OVER (PARTITION BY training) - step AS age FROM steps),
counts AS (
    SELECT a.training, r.problem_id, r.sampler, v.label_id, v.verifier, v.version, count(*) AS n, max(a.step) AS last_step,
           count(*) FILTER (counted(v.outcome, v.lenient, mode) = 'correct') AS n_correct,
           count(*) FILTER (counted(v.outcome, v.lenient, mode) IN ('wrong', 'unparsable')) AS n_wrong,
           count(*) FILTER (counted(v.outcome, v.lenient, mode) = 'truncated') AS n_truncated,
           count(*) FILTER (counted(v.outcome, v.lenient, mode) = 'verifier_error') AS n_error,
           coalesce(sum(discount ** a.age) FILTER (counted(v.outcome, v.lenient, mode) = 'truncated'), 0) AS cut,
           coalesce(0.5 + sum(discount ** a.age) FILTER (counted(v.outcome, v.lenient, mode) = 'correct'), 0.5) AS beta_a,
           coalesce(0.5 + sum(discount ** a.age) FILTER (counted(v.outcome, v.lenient, mode) IN ('wrong', 'unparsable')), 0.5) AS beta_b,
           count(*) FILTER (counted(v.outcome, v.lenient, 'lenient') = 'correct') AS n_correct_lenient,
           count(*) FILTER (v.outcome = 'correct') = 0 AND n_correct_lenient > 0 AS disputed
    FROM ages a JOIN rollouts r ON r.policy = a.policy JOIN verdicts v ON v.rollout_id = r.id
    WHERE NOT r.guided AND a.age < last
    GROUP BY a.training, r.problem_id, r.sampler, v.label_id, v.verifier, v.version
)
SELECT *, beta_a / (beta_a + beta_b) AS mean FROM counts
