"""Which files of a code base bear on a request.

What counts: words of the body, of the path and of the names defined, the meaning of the file's card, and how
many files import from it.

Each field is a BM25 index of its own over whole files, normalised by what the query could reach there, as in
`knowledge.fusion`. The import count is a prior that does not depend on the query, like the in-degree of a
page: what many files lean on is changed and asked about more often.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from knowledge import sparse
from knowledge.code.cards import spoken
from knowledge.fusion import normalise_sparse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIELDS = ("body", "path", "names")
MEANING_WEIGHT = 0.5
USES_WEIGHT = 0.25
"""Against 1 for each field. Both are global, chosen on development commits; the curve is flat around them."""
_TOTAL = len(FIELDS) + MEANING_WEIGHT + USES_WEIGHT


@dataclass(frozen=True)
class FileEntry:
    """A file as it is indexed here."""

    source: str
    doc_id: str
    body: str
    names: str
    uses: int
    vector: NDArray[np.float32] | None


class FileRanker:
    """A finished index over files. Loading is a memory map."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self._sources: list[str] = json.loads((folder / "files.json").read_text(encoding="utf-8"))
        self._legs = {name: sparse.SparseLeg(folder / name) for name in FIELDS}
        self._vectors: NDArray[np.float32] = np.load(folder / "cards.npy", mmap_mode="r")
        self._prior: NDArray[np.float32] = np.load(folder / "prior.npy")

    def rank(self, query: str, vector: NDArray[np.float32] | None, k: int) -> list[tuple[str, float]]:
        """Return the sources of the k best files with their scores in 0 to 1, best first.

        A file that shares no word with the query and no vector was given is left out.
        """
        import numpy as np

        if not self._sources:
            return []
        words = np.zeros(len(self._sources), dtype=np.float32)
        for leg in self._legs.values():
            scores, bound = leg.scores(query)
            words += scores / bound
        total = words + USES_WEIGHT * self._prior
        if vector is not None:
            total = total + MEANING_WEIGHT * np.clip(self._vectors @ vector, 0.0, 1.0)
        else:
            total[words == 0] = 0.0
        order = np.argsort(-total, kind="stable")[:k]
        return [
            (self._sources[place], round(normalise_sparse(float(total[place]), _TOTAL), 6))
            for place in order
            if total[place] > 0
        ]


def build(folder: Path, files: Sequence[FileEntry]) -> None:
    """Write the index of files at a folder that does not exist yet."""
    import numpy as np

    folder.mkdir(parents=True)
    numbered = list(enumerate(files))
    sparse.build(folder / "body", ((number, file.body) for number, file in numbered))
    sparse.build(folder / "path", ((number, _path_words(file.doc_id)) for number, file in numbered))
    sparse.build(folder / "names", ((number, file.names) for number, file in numbered))
    most = log1p(max((file.uses for file in files), default=0)) or 1.0
    prior = np.asarray([log1p(file.uses) / most for file in files], dtype=np.float32)
    dim = next((len(file.vector) for file in files if file.vector is not None), 1)
    empty = np.zeros(dim, dtype=np.float32)
    vectors = np.stack([empty if file.vector is None else file.vector for file in files] or [empty])
    np.save(folder / "cards.npy", vectors)
    np.save(folder / "prior.npy", prior)
    (folder / "files.json").write_text(json.dumps([file.source for file in files]), encoding="utf-8")


def _path_words(doc_id: str) -> str:
    """Return a path in words, its last part whole as well: people name files by it."""
    path = PurePath(doc_id)
    return f"{spoken(' '.join([*path.parts[:-1], path.stem]))} {path.stem}"
