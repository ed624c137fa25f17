"""(problem, label, rollout) -> Verdict, in processes that can be killed."""
