"""Images by their pixels: features, the bridge to words, the leg that holds them, their written text."""
