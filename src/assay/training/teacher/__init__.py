"""A teacher's feedback on the student's rollouts: what it is asked, whom it helps, and what becomes of its answers.

To change what a teacher is asked, change `teacher.py`; when it helps, `settings.py`; what happens to a rollout,
`hook.py`.
"""
