"""Converters: one small file for each public set, from its official layout to our rows."""
