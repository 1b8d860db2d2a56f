"""Facts, forms and requests made from templates: as many as a suite needs, the same ones each time."""
