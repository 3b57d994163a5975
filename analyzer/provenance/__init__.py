"""Who published a file, by signed statements alone (PEP 740): pure, offline, without an opinion on trust."""
