"""The embedded ksql engine: tokens, syntax tree, analysis, plan, compiled functions, running queries, server."""
