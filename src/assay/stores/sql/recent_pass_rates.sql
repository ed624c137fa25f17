-- Pass rates from the last 50 steps of each training run, each step back weighing .98 of the next, without
-- new sampling: one row per training, problem, sampler, label and verifier version. `fresh(last, discount)` gives any
-- window and discount, `fresh(last, discount, mode := 'lenient')` lenient counts.
--
-- training: stages.key of the train stage
-- n: attempts of every outcome in these steps
-- last_step: the last of these steps in which the problem was met
-- n_correct: judged right
-- n_wrong: judged wrong, unparsable ones included
-- n_truncated: cut by the cap
-- n_error: attempts whose verifier failed
-- cut: weighted attempts that the cap cut; in neither parameter
-- beta_a: 1/2 + weighted right attempts
-- beta_b: 1/2 + weighted wrong attempts
-- mean: beta_a / (beta_a + beta_b), in (0, 1), 1 = always solved
-- problem_id, sampler, label_id, verifier, version, n_correct_lenient, disputed: as in pass_rates
CREATE VIEW recent_pass_rates AS
SELECT * FROM fresh(50, 0.98)
