"""Research where it touches the index and the sandbox: collecting a corpus and tracing it."""
