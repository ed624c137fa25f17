-- Pass rates where at least half of all GRPO groups of 8 would carry signal, with the question beside them.
--
-- source: problems.source
-- characters: problems.characters
-- prompt: content of the last turn
-- problem_id, policy, policy_name, sampler, label_id, verifier, version, n_correct, n_wrong, n_truncated, n_error,
--   n, tokens, post_a, post_b, mean, low, high, least, most, signal_8, signal_16, n_correct_lenient, disputed: as in
--   pass_rates
CREATE VIEW frontier AS
SELECT r.*, p.source, p.characters, p.messages[-1].content AS prompt
FROM pass_rates r JOIN problems p ON p.id = r.problem_id
WHERE r.n_correct + r.n_wrong > 0 AND r.signal_8 >= 0.5
