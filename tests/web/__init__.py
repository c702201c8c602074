"""Tests of what is served, over real sockets."""
