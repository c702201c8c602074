"""Real engines, real servers and other help for the tests."""
