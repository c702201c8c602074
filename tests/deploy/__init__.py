"""Tests of the ways to install."""
