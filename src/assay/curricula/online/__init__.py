"""What online curricula share: a state that can be saved and loaded, and decks that deal each problem once per round.

`state` has the base class and an offline order in the same shape; `deck` deals. To add an online curriculum, add a file
to `curricula/`.
"""
