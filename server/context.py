"""What the routes work with: opened once by the application, found on every request."""

from __future__ import annotations

from dataclasses import dataclass

from core.feedback_store import Ratings
from core.images import ImageStore
from core.settings import Settings
from server.cache.answers import AnswerCache
from server.http.caller import Identify
from server.jobs.runner import JobRunner
from server.jobs.store import JobStore
from server.runs.engine import Engine
from server.runs.ledger import RunLedger
from server.runs.manager import RunManager
from server.security.audit import AuditLog
from server.security.keys import KeyStore
from server.security.limits import RateLimit
from server.storage.image_files import ImageFiles
from server.storage.images import OwnedImages
from server.stream.log import EventLog
from server.stream.sse import StreamOptions
from server.telemetry.telemetry import Telemetry


@dataclass(frozen=True)
class ServerContext:
    """The stores, the engine and the run manager of one server."""

    settings: Settings
    engine: Engine
    ledger: RunLedger
    log: EventLog
    manager: RunManager
    answers: AnswerCache
    images: ImageStore
    owned: OwnedImages
    files: ImageFiles
    identify: Identify
    keys: KeyStore
    audit: AuditLog
    rate: RateLimit
    feedback: Ratings
    jobs: JobStore
    runner: JobRunner
    telemetry: Telemetry

    @property
    def streams(self) -> StreamOptions:
        """Heartbeats and time limits of streams."""
        return StreamOptions(self.settings.server_heartbeat_s, self.settings.server_send_timeout_s)
