"""Questions written by a chat model, kept only where the truth at hand confirms them."""
