-- Attempts under every sampling config under which they count: those of `rollouts`, and again those that ended below,
-- or were continued to, a longer cap (`extensions`). The pieces of an extension count only there.
--
-- sampler: sampling_configs.id under which it counts
-- sample: index among the samples of its problem, policy and sampler
-- extended: whether it counts here by `extensions`; its id is then not that of this sampler
-- id, problem_id, policy, policy_name, seed, tokens, prompt_tokens, finish, engine, step, group, advantage, guided,
--   policy_last, extends, tokens_before, run: as in rollouts
CREATE VIEW attempts AS
SELECT *, false AS extended FROM rollouts WHERE extends IS NULL
UNION ALL BY NAME
SELECT r.* REPLACE (e.sampler AS sampler, e.sample AS sample), true AS extended
FROM extensions e JOIN rollouts r ON r.id = e.rollout_id
