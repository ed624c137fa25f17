"""Run programs that nobody trusts: a root of their own, bounded memory, processes and time, answers as plain data.

Everything on the jail's side uses the standard library only, and nothing else of the package but `verifiers/isolation`.
"""
