"""The rules of the card pipeline, against a reference that knows nothing of the engine."""
