"""What a collection keeps: the manifest, which is the truth, and the stores of its vectors."""
