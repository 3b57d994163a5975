"""Telling people and other programs: an outbox in the store, and webhooks that are delivered from it."""
