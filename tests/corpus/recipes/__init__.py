"""Recipes of the odd techniques; `blind` has the even ones."""
