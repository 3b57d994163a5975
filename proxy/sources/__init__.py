"""Who is asked for facts about a file: one source a module, put together in `composition` alone."""
