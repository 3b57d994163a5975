"""Recipes of the even techniques, by somebody who has not seen the detectors."""
