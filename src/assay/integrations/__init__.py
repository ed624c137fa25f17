"""What runs inside other trainers: the rewards of exported data, and curricula that choose problems there.

Nothing here imports a trainer when it is imported itself. A new trainer is a file that turns what it hands over into
`reward.Answer` or into attempts of `curriculum`, and an export that names it.
"""
