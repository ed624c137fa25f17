"""Curriculum + policy -> checkpoint, on TRL; every rollout that training makes is handed back as evidence."""
