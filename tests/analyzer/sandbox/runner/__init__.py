"""The scripts that run inside boxes."""
