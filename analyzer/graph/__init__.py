"""The dependency graph: what hangs on a release, and what that says about it. Pure; networkx."""
