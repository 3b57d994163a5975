"""Conditions that a policy's own rules are made of: one family a file."""
