"""Fuzzing: targets that take any bytes, a corpus that ordinary tests replay, and campaigns with atheris."""
