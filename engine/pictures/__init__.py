"""Encoded pictures in and out, and the crops of a picture that is enlarged."""
