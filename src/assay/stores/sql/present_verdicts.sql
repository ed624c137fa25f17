-- The rows of `judged_attempts` of one policy under one sampler that are of these labels and verifier versions
-- (`name@version`). One row per rollout and verdict.
CREATE MACRO present_verdicts(mode, of_policy, of_sampler, of_labels, of_verifiers) AS TABLE
SELECT * FROM judged_attempts(mode)
WHERE policy = of_policy AND sampler = of_sampler AND label_id IN (SELECT unnest(of_labels::VARCHAR[]))
  AND judge IN (SELECT unnest(of_verifiers::VARCHAR[]))
