-- The scores that count: of each problem under one scoring the one with the most evidence. One row per scoring and
-- problem. Most problems have one score: only the others, found by 64 bits each, are compared.
--
-- id, scoring_id, problem_id, scorer, policy, sampler, verifier, prior, beta_a, beta_b, value, low, high, n_correct,
--   n_wrong, n_truncated, n_error, direction, censored, disputed, corrected, corrected_low, corrected_high,
--   corrected_a, corrected_b, reward_mean, reward_sd, reward_low, reward_high, rewards, run: as in scores
CREATE VIEW current_scores AS
WITH repeated AS MATERIALIZED (
    SELECT hash(scoring_id, problem_id) AS key FROM scores GROUP BY ALL HAVING count(*) > 1
)
SELECT * FROM scores WHERE hash(scoring_id, problem_id) NOT IN (SELECT key FROM repeated)
UNION ALL (
    SELECT * FROM scores WHERE hash(scoring_id, problem_id) IN (SELECT key FROM repeated)
    QUALIFY row_number() OVER (
        PARTITION BY scoring_id, problem_id ORDER BY n_correct + n_wrong + n_truncated + n_error DESC, id
    ) = 1
)
