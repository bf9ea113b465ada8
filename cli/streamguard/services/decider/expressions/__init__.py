"""The language of the rules: conditions about a transaction, its alerts and its account.

tokens → parse (nodes, which print themselves) → compile (names, kinds, functions) → a function of the facts; template
for texts with values in them. Every mistake is a RuleError when the rules are read; what was compiled never raises.
docs/decider.md has the words.
"""
