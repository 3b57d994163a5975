"""Verdicts to hand out: a decision as a signed statement that others can check without us."""
