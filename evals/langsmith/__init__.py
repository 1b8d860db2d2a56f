"""Uploading runs and data sets to LangSmith, or any server of its API: asked for, never by itself."""
