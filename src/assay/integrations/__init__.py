"""What runs inside other trainers: the rewards of exported data, and curricula that choose problems there.

Nothing here imports a trainer when it is imported itself.
"""
