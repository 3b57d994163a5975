"""Real trees as recorded shapes, and what is injected into them."""
