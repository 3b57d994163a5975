"""Detectors: each a definition beside one pure function from a run to its matches."""
