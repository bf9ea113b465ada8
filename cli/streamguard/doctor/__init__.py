"""What the project needs of the servers, and what they grant: every check is a row with what to do about it.

`checks` runs them all at once; `machine` looks at this computer, `brokers`, `workers`, `statements` and `stores` at the
servers; `examination` says which of them a mode has.
"""
