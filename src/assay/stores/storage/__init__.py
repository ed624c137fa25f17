"""Where a lake is stored: in a folder (`local`) or a bucket (`s3`), of which this machine keeps copies (`mirror`).

To support another kind of storage, implement the Protocol in `backend.py`.
"""
