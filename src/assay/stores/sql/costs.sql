-- Attempts paid for: one row per policy, sampler, engine and purpose.
--
-- policy: rollouts.policy
-- policy_name: readable name of that revision
-- sampler: sampling_configs.id
-- engine: backend that ran the policy
-- from_training: whether training sampled them
-- rollouts: how many attempts
-- tokens: generated tokens; what an extension continues is counted once
-- prompt_tokens: prompt tokens, counted once per attempt
CREATE VIEW costs AS
SELECT policy, any_value(policy_name) AS policy_name, sampler, engine, step IS NOT NULL AS from_training,
       count(*) AS rollouts, sum(tokens - coalesce(tokens_before, 0))::BIGINT AS tokens, sum(prompt_tokens)::BIGINT AS prompt_tokens
FROM rollouts
GROUP BY policy, sampler, engine, step IS NOT NULL
