"""Scripts that run inside boxes. Whoever wrote the package can read them: nothing here is secret."""
