"""Tests of proxy.keeping."""
