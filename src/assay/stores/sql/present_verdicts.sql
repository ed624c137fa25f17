-- Verdicts of one policy's unguided attempts under one sampler that are of these labels and verifier versions
-- (`name@version`), beside the attempt and with the outcome that counts in the mode. One row per rollout and verdict.
CREATE MACRO present_verdicts(mode, of_policy, of_sampler, of_labels, of_verifiers) AS TABLE
SELECT r.problem_id, r.sample, r.tokens, r.finish, r.step, v.id, v.rollout_id, v.label_id, v.verifier, v.version,
       counted(v.outcome, v.lenient, mode) AS counts, v.outcome, v.lenient, v.reward, v.extracted, v.reason
FROM attempts r JOIN verdicts v ON v.rollout_id = r.id
WHERE r.policy = of_policy AND r.sampler = of_sampler AND NOT r.guided
  AND v.label_id IN (SELECT unnest(of_labels::VARCHAR[]))
  AND v.verifier || '@' || v.version IN (SELECT unnest(of_verifiers::VARCHAR[]))
