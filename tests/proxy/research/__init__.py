"""Research where it touches the index and the sandbox."""
