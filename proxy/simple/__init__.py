"""The simple index on the wire (PEP 503, 592, 629, 658/714, 691, 700): pure, no sockets."""
