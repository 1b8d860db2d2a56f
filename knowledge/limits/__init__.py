"""Calling services with care: rates that all processes share, and breakers that let failing ones rest."""
