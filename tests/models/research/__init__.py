"""Tests of models.research."""
