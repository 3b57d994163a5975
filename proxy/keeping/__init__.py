"""Keeping: backup, restore, and how long history stays."""
