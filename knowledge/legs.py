"""What a leg is: an index that is derived from the manifest and can be made again from it at any time.

The manifest numbers its pieces, a number never names another piece, and a writer's changes become visible
all at once, when `Manifest.publish` sets the next generation. A leg takes part like this:

1. `update` brings it to what the manifest will show. It writes under new names and leaves alone what the
   present generation reads; it may be killed at any moment and is then called again.
2. It returns its new state, a short text that names what it wrote. The state is published in the same
   transaction as the generation, so that readers open what belongs together.
3. `tidy` then takes out what no generation names any more.

A leg with another `version` than the recorded one (another format, model or server) is built from nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from knowledge.records import Progress
    from knowledge.store.manifest import Manifest


@dataclass(frozen=True)
class Change:
    """What a leg has to take in: numbers of pieces, ascending. `whole`: forget the state and take all."""

    added: Sequence[int] = ()
    gone: Sequence[int] = ()
    whole: bool = False

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.added or self.gone or self.whole)


@dataclass(frozen=True)
class LegRecord:
    """What the manifest keeps of a leg."""

    version: str
    generation: int
    state: str

    def dump(self) -> str:
        """Return the record as it is stored."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> LegRecord | None:
        """Read a stored record; None for an empty one."""
        return cls(**json.loads(text)) if text else None


class Leg(Protocol):
    """A derived index; the collection's writer lock is held during `update` and `tidy`."""

    @property
    def name(self) -> str:
        """What it is called in the manifest and in reports."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever what it holds would have to be made again."""
        ...

    def update(self, manifest: Manifest, state: str, change: Change, progress: Progress | None) -> str:
        """Take a change in and return the new state."""
        ...

    def check(self, manifest: Manifest, state: str) -> Change:
        """Compare with what the manifest will show and return what mends it; `whole` when it is broken."""
        ...

    def sound(self, manifest: Manifest, state: str) -> bool:
        """Look, without reading everything, whether what the state names is still there."""
        ...

    def tidy(self, manifest: Manifest, state: str) -> None:
        """Take out what the published generation does not name."""
        ...
