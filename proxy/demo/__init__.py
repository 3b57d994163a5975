"""A local upstream with inert packages, for the README's walk and for tests."""
