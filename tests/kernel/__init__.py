"""Tests of the kernel's files as a source of stats, on recorded and on constructed trees."""
