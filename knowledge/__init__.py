"""What is known: ingestion, indexes, hybrid search and the PubMed client."""
