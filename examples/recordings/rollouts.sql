SELECT r.problem_id, r.sample, t.text, r.tokens, r.finish, r.policy, r.policy_name, r.sampler, r.seed, r.prompt_tokens,
       v.outcome, p.messages, l.answer, p.source
FROM rollouts r
JOIN completions t USING (id)
JOIN verdicts v ON v.rollout_id = r.id
JOIN labels l ON l.id = v.label_id
JOIN problems p ON p.id = r.problem_id
WHERE v.verifier = 'numeric'
ORDER BY r.problem_id, r.sample
