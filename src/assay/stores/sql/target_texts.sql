-- The rows of `targets` with their texts. Take those of one synthesis_id: of one method there may be several.
--
-- id: targets.id
-- synthesis_id, method, problem_id, rollout_id, label_id, messages, prefix, masked, tier, wanted, weight, origin, confidence, verified, desirable, policy, parents, side:
--   as in targets
-- completion: the answer: the row's own text, or that of its rollout
CREATE VIEW target_texts AS
SELECT t.* EXCLUDE (run) REPLACE (coalesce(t.completion, c.text) AS completion)
FROM targets t LEFT JOIN completions c ON c.id = t.rollout_id
