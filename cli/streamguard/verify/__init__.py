"""The end-to-end verifier: what a run should have left everywhere, what it did leave, and every difference by name.

`oracle` works out what must be there, from the description of a run alone; `quiet` waits until nothing moves;
`records`, `documents` and `rows` read what is there; `compare` finds the differences; `verification` puts all of it in
order.
"""
