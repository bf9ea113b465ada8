"""The validator API: judges transactions over HTTP by the rules and the blacklist of a pipeline.

rules → judgement → rulebook (reads again what was edited) → answers (remembers them) → app (HTTP) → run
"""
