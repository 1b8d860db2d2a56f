"""What the tests of RAGAS share."""

import pytest

from tests.support.ragas_cases import HashEmbedder


@pytest.fixture
def embedder() -> HashEmbedder:
    return HashEmbedder()


@pytest.fixture(scope="session")
def ragas():
    pytest.importorskip("ragas", reason="the extra `ragas` is not installed: make setup-ragas")
    from evals.ragas.package import load_ragas

    return load_ragas()
