"""Tests of the commands for people, each as a process of its own."""
