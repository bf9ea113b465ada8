"""Talking to a ksql server, ours or ksqlDB."""
