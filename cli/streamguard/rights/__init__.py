"""Who has to be allowed what in a Kafka with access control: one principal for each service, and no more than it uses.

`model` has a right and what it implies, `derive` the rights of a pipeline from its own definitions, `engines` and
`sinks` those of ksql servers and of Connect, `formats` writes them for the tools that grant rights.
"""
