"""The door: HTTP in, bytes out."""
