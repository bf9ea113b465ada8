"""The embedded ksql engine. Each part imports only those below it:

server · testing      ksqlDB's REST API · cases of statements
runtime · client      queries on Kafka, exactly once · a client of a ksql server
execution             plans as generated Python functions over records, and their state
codecs                JSON, DELIMITED, KAFKA: bytes to columns and back
analysis              names, types, the plan of a query
functions             scalar functions, aggregates, table functions, a user's own
values · javatime     operators and casts · Java's patterns of dates
language              words, trees, and their text again
"""
