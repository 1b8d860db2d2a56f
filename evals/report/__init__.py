"""Reports of runs: one HTML file that loads nothing, and Markdown."""
