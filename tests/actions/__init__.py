"""Tests of what watches and changes containers."""
