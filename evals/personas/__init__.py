"""Canary questions of novice, expert and adversarial users over each profile, and what they should get."""
