"""Tests of package confusion."""
