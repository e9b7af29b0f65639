"""The next model, whose training goes on: 256 pixels, and scenes that vary."""
