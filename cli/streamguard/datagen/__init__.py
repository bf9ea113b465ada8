"""The generator: worlds, columns, encoders, pacing, publishing."""
