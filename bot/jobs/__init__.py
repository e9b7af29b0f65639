"""What was accepted, how it is drawn, how it ends: with no Discord in it."""
