-- The scores that count: of each problem under one scoring the one with the most evidence. One row per scoring and
-- problem.
--
-- id, scoring, problem_id, scorer, policy, sampler, verifier, prior, post_a, post_b, value, low, high, correct,
--   wrong, truncated, error, direction, censored, disputed, run: as in scores
CREATE VIEW current_scores AS
SELECT * FROM scores
QUALIFY row_number() OVER (
    PARTITION BY scoring, problem_id ORDER BY correct + wrong + truncated + error DESC, id
) = 1
