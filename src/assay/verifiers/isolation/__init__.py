"""What a process that reads hostile text gives up, and how its use of the CPU is measured.

`confinement` takes rights away from any process, `worker_rights` from a judging one; `environment` is what workers see.
To forbid something more, add it to `confinement.py`. Standard library only.
"""
