"""What a run file says about itself, so that its figures can be traced and two runs told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from core.contracts import Contract, ModelRef
from evals.run.registry import Suite
from evals.run.sample import Sample, content_hash

FORMAT = 1


class MetricHeader(Contract):
    """A measure as a suite had it."""

    version: str
    higher_is_better: bool = True
    judged: bool = True
    corpus: bool = False
    help: str = ""


class SuiteHeader(Contract):
    """A suite as the run had it. `data_sha256` is over the drawn samples, targets included."""

    name: str
    family: str
    version: str
    samples: int
    data_sha256: str
    models: dict[str, ModelRef] = Field(default_factory=dict)
    rests_on: dict[str, str] = Field(
        default_factory=dict,
        description="What answers depend on beside the samples' text: collections and images, by content.",
    )
    metrics: dict[str, MetricHeader]


class Skip(Contract):
    """A suite that did not run, and why."""

    suite: str
    family: str
    needs: str = Field("", description="The public set that is missing.")
    reason: str


class Code(Contract):
    """The code that ran. `sha256` is over the files of the rooms that an eval runs through."""

    commit: str = Field("", description="Empty outside a git checkout.")
    dirty: bool = False
    sha256: str
    version: str
    packages: dict[str, str] = Field(
        default_factory=dict, description="Versions of the packages that answers depend on."
    )


class Header(Contract):
    """The first line of a run file."""

    type: Literal["header"] = "header"
    format: int = FORMAT
    started: str = Field(description="ISO 8601, UTC.")
    code: Code
    settings: dict[str, Any]
    prompts: dict[str, str]
    suites: tuple[SuiteHeader, ...]
    skipped: tuple[Skip, ...] = ()
    epochs: int = 1
    seed: int = 0
    limit: int | None = None
    data: str = Field("", description="The folder of the public sets.")

    def suite(self, name: str) -> SuiteHeader:
        """Return a suite's part; raises `KeyError`."""
        return next(one for one in self.suites if one.name == name)

    def identity(self) -> dict[str, Any]:
        """Return what must not change between the parts of one run, by name."""
        body = self.model_dump(mode="json")
        suites = {one["name"]: one for one in body["suites"]}
        skipped = {one["suite"]: one["needs"] or one["reason"] for one in body["skipped"]}
        kept = ("format", "settings", "prompts", "epochs", "seed", "limit")
        return {
            "code": body["code"]["sha256"],
            "packages": body["code"]["packages"],
            **{name: body[name] for name in kept},
            "suites": suites,
            "skipped": skipped,
        }


def suite_header(
    suite: Suite,
    samples: list[Sample],
    models: Mapping[str, ModelRef],
    rests_on: Mapping[str, str] | None = None,
) -> SuiteHeader:
    """Describe a suite about to run."""
    metrics = {
        one.metric: MetricHeader(
            version=one.version,
            higher_is_better=one.higher_is_better,
            judged=one.judged,
            corpus=one.corpus is not None,
            help=one.help,
        )
        for one in suite.scorers
    }
    return SuiteHeader(
        name=suite.name,
        family=suite.family,
        version=suite.version,
        samples=len(samples),
        data_sha256=content_hash(sorted(sample.sha256 for sample in samples)),
        models=dict(models),
        rests_on=dict(rests_on or {}),
        metrics=metrics,
    )


def changes(old: Header, new: Header) -> list[str]:
    """Name what differs between two headers in a way that makes their samples another run's."""
    found = list(_differences("", old.identity(), new.identity()))
    if old.code.sha256 != new.code.sha256:
        before, after = (one.code.commit[:10] or "no commit" for one in (old, new))
        found = [f"code ({before} to {after})" if one.startswith("code ") else one for one in found]
    return found


def _differences(name: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _differences(f"{name}.{key}" if name else key, old.get(key), new.get(key))
    elif old != new:
        yield f"{name} ({_short(old)} to {_short(new)})"


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = str(value)
    return text if len(text) <= 24 else f"{text[:20]}..."
