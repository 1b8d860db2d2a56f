"""External sources of knowledge behind one class; each file of this folder is one kind of source."""
