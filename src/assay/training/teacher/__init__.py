"""A teacher's feedback on failed rollouts: which rollouts it helps with, what it writes, and what the student makes of it.

To change when a teacher helps, change `hook.py`; what it is asked, `teacher.py`.
"""
