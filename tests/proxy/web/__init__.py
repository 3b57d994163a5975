"""Tests of the routes, over real sockets."""
