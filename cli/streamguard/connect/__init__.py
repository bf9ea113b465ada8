"""Kafka Connect. Each part imports only those below it:

operating            watch, pause, restart, heal
deploying            plan, apply, wait: a cluster becomes what the templates say
lint                 what speaks against a config before a worker sees it
templates · offsets  a template and its values to a config · what sinks read, and how far they are
rest                 clusters, requests, typed answers
secrecy              what is a secret, and where it is cut out
"""
