"""Doodle: a small text-to-image model of our own, and everything that makes it."""
