"""More rows from the ones there are, with answers that stay true."""
