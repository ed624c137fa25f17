-- Attempts beside their verdicts, with the outcome (`counts`) and the reward (`counted_reward`) that count in the mode,
-- 'strict' or 'lenient': one row per attempt, label and verifier version. Guided rollouts and attempts without a verdict
-- are left out; an attempt that also counts under a longer cap has a row under either sampler.
CREATE MACRO judged_attempts(mode) AS TABLE
SELECT r.problem_id, r.policy, r.policy_name, r.sampler, r.sample, r.tokens, r.finish, r.step, v.id, v.rollout_id,
       v.label_id, v.verifier, v.version, v.verifier || '@' || v.version AS judge,
       counted(v.outcome, v.lenient, mode) AS counts, counted_reward(v.reward, v.lenient, mode) AS counted_reward,
       v.outcome, v.lenient, v.reward, v.extracted, v.reason, v.run AS judged_by
FROM attempts r JOIN verdicts v ON v.rollout_id = r.id
WHERE NOT r.guided
