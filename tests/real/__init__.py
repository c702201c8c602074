"""Tests on a real Docker Engine and other real programs."""
