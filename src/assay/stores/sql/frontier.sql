-- Pass rates where at least half of all GRPO groups of 8 would carry signal, with the question beside them.
--
-- source: problems.source
-- characters: problems.characters
-- prompt: content of the last turn
-- problem_id, policy, policy_name, sampler, label_id, verifier, version, n_correct, n_wrong, n_truncated, n_error,
--   n, tokens, beta_a, beta_b, mean, low, high, rate_if_truncated_wrong,
--   rate_if_truncated_right, p_mixed_8, p_mixed_16, n_correct_lenient, disputed: as in
--   pass_rates
CREATE VIEW frontier AS
SELECT r.*, p.source, p.characters, p.messages[-1].content AS prompt
FROM pass_rates r JOIN problems p ON p.id = r.problem_id
WHERE r.n_correct + r.n_wrong > 0 AND r.p_mixed_8 >= 0.5
