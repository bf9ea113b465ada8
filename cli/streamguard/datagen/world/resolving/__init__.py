"""From a document that fits the schema to the values of the model; what does not fit together becomes a problem."""
