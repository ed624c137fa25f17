-- Which reading of a verdict counts: the strict outcome, or the lenient one where a verdict has its own. Every query
-- that counts outcomes uses it, so another `grade.mode` costs no token and no regrading.
CREATE MACRO counted(outcome, lenient, mode) AS
CASE WHEN mode = 'lenient' THEN coalesce(lenient, outcome) ELSE outcome END
