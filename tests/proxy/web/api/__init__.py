"""Tests of the admin API, over real sockets."""
