"""What the source says, read and never run: what reaches which sink, what is hidden, what lies about."""
