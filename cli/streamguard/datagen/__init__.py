"""The generator: worlds decide what happens, encoders make bytes of it, pacing says when, publishing sends it."""
