"""Warm readers: confined processes that read one artifact after the other, each in a child of its own."""
