"""Routes: the index, the files, the pages people read, and the worker API."""
