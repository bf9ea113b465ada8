"""A run on its way: paced, sent, counted, shown, gone on with."""
