"""Tests of models.research. qut_rows.csv and qut_numbers.csv are excerpts of QUT-DV25 (CC0)."""
