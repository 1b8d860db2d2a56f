"""Runs plotting code that nobody has read: checked by its syntax tree, then in a process that can do little."""
