"""PubMed and PubMed Central: the client, its queries, and reading what comes back without loss."""
