"""World files: read, checked, explained. `model` is what the rest of the generator builds on."""
