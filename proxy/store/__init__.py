"""Decisions, evidence, facts, overrides, jobs, audit, fetches and tokens, behind one port."""
