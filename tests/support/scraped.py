"""Reads what a server says at /metrics."""

from __future__ import annotations

from collections import Counter

import httpx
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(client: httpx.Client) -> Samples:
    """Return every sample by name and labels."""
    reply = client.get("/metrics")
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    """Return the sum of the samples of a name whose labels are these."""
    return sum(
        value for (found, has), value in samples.items() if found == name and set(labels.items()) <= has
    )


def by(samples: Samples, name: str, *labels: str) -> Counter[tuple[str, ...]]:
    """Return sums by the values of some labels; what is zero is left out."""
    found: Counter[tuple[str, ...]] = Counter()
    for (known, has), value in samples.items():
        if known == name and value:
            found[tuple(dict(has)[label] for label in labels)] += int(value)
    return found
