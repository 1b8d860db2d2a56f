"""What a user saw of one question: times, events, errors and the answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from evals.load.plan import Visit
from evals.personas.checks import Reply

FINAL = ("done", "abstained", "input_required", "refused")
"""Ends that the agent chose; a latency to the final answer counts these alone."""


@dataclass
class Outcome:
    """One visit as it went. Times are seconds from `due`, when the user came, whenever the request was sent.

    Attributes:
        visit: What was to be done.
        due: When the user came, in seconds from the start.
        sent: When the request left.
        first: The first event.
        planned: The first plan.
        final: The final answer, question, refusal or abstention.
        ended: The end of the stream's story.
        status: How the run ended: as a run does, `refused`, or `error`.
        code: Of an error: the server's code, `http NNN`, or what happened to the connection.
        events: Events received.
        lost: Numbers that never came, although nobody said so.
        repeated: Events that came again.
        gaps: Events that the server itself said it no longer has.
        drops: Connections that the user lost on purpose.
        breaks: Connections that ended without the last event, by nobody's wish.
        cancel_s: From the user's cancel to the end of the run.
        reply: What was answered.
        run_id: As the server calls it.
    """

    visit: Visit
    due: float
    sent: float = 0.0
    first: float | None = None
    planned: float | None = None
    final: float | None = None
    ended: float = 0.0
    status: str = ""
    code: str = ""
    events: int = 0
    lost: int = 0
    repeated: int = 0
    gaps: int = 0
    drops: int = 0
    breaks: int = 0
    cancel_s: float | None = None
    reply: Reply | None = None
    run_id: str = ""
    known: set[str] = field(default_factory=set)
    """Ids of evidence that the stream told of."""

    @property
    def cancelled(self) -> bool:
        """Whether the user stopped it: then there is no answer to judge."""
        return self.status == "cancelled"

    def fail(self, code: str) -> None:
        """End with an error."""
        self.status, self.code = "error", code
