"""Records as columns of whole numbers: draws, entities, event time, campaigns."""
