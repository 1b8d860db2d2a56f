"""Questions about a code base, each answered by its source: path, lines, commit."""
