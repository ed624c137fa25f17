-- The reward that goes with `counted`: in the lenient mode 1 or 0 where a verdict has a lenient outcome of its own.
CREATE MACRO counted_reward(reward, lenient, mode) AS
CASE WHEN mode = 'lenient' AND lenient IS NOT NULL THEN (lenient = 'correct')::DOUBLE ELSE reward END
