"""What a process that meets hostile text gives up: rights, environment, and how its use of the CPU is measured.

To forbid something more, add it to `confinement.py`. Standard library only.
"""
