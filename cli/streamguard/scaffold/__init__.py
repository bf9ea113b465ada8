"""A new pipeline: from a topic, its fields, a rule and sinks to the files of connectors/, ksql/ and init/."""
