"""What every room shares: contracts, errors, settings, the image store and the run store."""
