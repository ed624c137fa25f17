"""Where a lake lies: a folder (`local`) or a bucket (`s3`) with copies on this machine (`mirror`).

To support another kind of storage, implement the Protocol in `backend.py`.
"""
