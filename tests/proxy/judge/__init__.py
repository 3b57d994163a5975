"""Tests of the judge process, its client and its desk."""
