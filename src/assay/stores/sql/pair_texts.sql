-- The rows of `pairs` with their texts. Take those of one synthesis_id: of one method there may be several.
--
-- id: pairs.id
-- synthesis_id, method, rule, problem_id, prefix_id, messages, prefix, chosen, rejected, margin, soft_label, label_id, origin, confidence, verified, policy, parents, side:
--   as in pairs
-- chosen_text: the better answer: the row's own text, or that of its rollout
-- rejected_text: the worse answer: the same
CREATE VIEW pair_texts AS
SELECT p.* EXCLUDE (run)
       REPLACE (coalesce(p.chosen_text, c.text) AS chosen_text, coalesce(p.rejected_text, r.text) AS rejected_text)
FROM pairs p LEFT JOIN completions c ON c.id = p.chosen LEFT JOIN completions r ON r.id = p.rejected
