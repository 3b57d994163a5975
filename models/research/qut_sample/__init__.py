"""Excerpts of QUT-DV25 that its leak audit works on; LICENSE.txt says whose they are."""
