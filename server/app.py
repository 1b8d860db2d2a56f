"""The HTTP application: `create_app(settings)` puts stores, engine, run manager and routes together."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from core.calls import LISTENER
from core.images import ImageStore
from core.settings import Settings
from server.cache.answers import AnswerCache
from server.context import ServerContext
from server.http import (
    apikeys,
    audit,
    cache,
    evals,
    events,
    feedback,
    health,
    images,
    inference,
    metrics,
    openapi,
    page,
    problem,
    retrieval,
    runs,
    threads,
    train,
    vision,
    vqa,
)
from server.http.caller import Identify
from server.http.deps import admit
from server.http.limits import BodyLimit
from server.jobs.runner import JobRunner
from server.jobs.store import JobStore
from server.openai_api import chat, models
from server.pressure import PressureGauge
from server.runs.engine import Engine, OpenServices, open_default
from server.runs.execute import Parts
from server.runs.ledger import RunLedger
from server.runs.manager import RunManager
from server.runs.recover import Presence, Unseen
from server.security.audit import AuditLog
from server.security.headers import SecurityHeaders
from server.security.identify import open_identify
from server.security.keys import KeyStore
from server.security.limits import RateLimit
from server.security.origin import OwnPages
from server.storage.housekeeping import images_needed, keep_house
from server.storage.image_expiry import ImageExpiry
from server.storage.image_files import ImageFiles
from server.storage.images import OwnedImages
from server.storage.stores import Stores, open_stores
from server.telemetry.middleware import Telemetered
from server.telemetry.telemetry import Telemetry

ROUTERS: tuple[APIRouter, ...] = (
    runs.router,
    threads.router,
    images.router,
    events.router,
    chat.router,
    models.router,
    apikeys.router,
    audit.router,
    vqa.router,
    vision.router,
    retrieval.router,
    inference.router,
    feedback.router,
    evals.router,
    train.router,
    cache.router,
    metrics.router,
)
"""The routes under /v1, one file a resource; a new file is added here and nowhere else."""
THREADS_A_RUN = 4


def create_app(
    settings: Settings,
    *,
    open_services: OpenServices = open_default,
    identify: Identify | None = None,
) -> FastAPI:
    """Build the application; nothing is opened before it starts.

    Args:
        settings: Read at the edge.
        open_services: Builds the agent's services; tests give their own.
        identify: Names the caller of a request; by default as the settings say.
    """
    telemetry = Telemetry(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Calls that wait for the one worker process wait in threads; the stores' calls must not queue behind.
        pool = ThreadPoolExecutor(settings.server_max_runs * THREADS_A_RUN, thread_name_prefix="server")
        asyncio.get_running_loop().set_default_executor(pool)
        async with (
            open_stores(settings) as stores,
            _opened(settings, stores, open_services, identify, telemetry) as context,
        ):
            app.state.context = context
            yield

    app = FastAPI(
        title="Vidence",
        version="1",
        summary="Questions about images and documents; every answer comes with evidence that can be checked.",
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(
        BodyLimit,
        limit=settings.server_max_body_bytes,
        patience_s=settings.server_body_patience_s,
        admit=admit,
    )
    if settings.server_auth == "none":
        app.add_middleware(OwnPages, allowed=settings.server_cors_origins)
    app.add_middleware(SecurityHeaders)
    if settings.server_cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.server_cors_origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["*"],  # OpenAI's client adds a dozen of its own; origins are what is chosen among
            expose_headers=["Location", "Retry-After", "X-Request-ID", "X-Run-Id", "X-Thread-Id"],
        )
    # Outside the rest: a page elsewhere that has its name resolve to this machine reaches nothing.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_hosts(settings), www_redirect=False)
    app.add_middleware(Telemetered, telemetry=telemetry)
    problem.install(app)
    app.include_router(health.router)
    app.include_router(metrics.exposition)
    app.include_router(page.router)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
        app.include_router(router, prefix="/api/v1", include_in_schema=False)
    openapi.install(app, keys=settings.server_auth == "keys")
    return app


@asynccontextmanager
async def _opened(
    settings: Settings,
    stores: Stores,
    open_services: OpenServices,
    identify: Identify | None,
    telemetry: Telemetry,
) -> AsyncIterator[ServerContext]:
    """Start work over the open stores, with the models opening in the background; stop it in turn."""
    database = stores.database
    worker = uuid.uuid4().hex
    watch = await telemetry.open(worker)
    telemetry.metrics.writes_waiting.set_function(lambda: database.waiting)
    log, ledger = watch.log(stores.log), watch.ledger(RunLedger(database, stores.log))
    keys = KeyStore(database)
    jobs = JobStore(database)
    gauge = PressureGauge(lambda: manager.active, ledger.open_runs, settings.server_max_runs)
    engine = Engine(settings, open_services, stores.run_store, telemetry.callbacks, gauge.level)
    presence = Unseen() if stores.shared else Presence(settings.root / "workers", worker)
    looked_up = telemetry.metrics.cache_looked_up
    answers = AnswerCache(settings, database, ledger, lambda: engine.services, looked_up)
    images = ImageStore.of(settings)
    files = ImageFiles(images, database if stores.shared else None)
    manager = RunManager(settings, Parts(engine, ledger, log, answers, files), presence, worker)
    opening = asyncio.create_task(engine.open())
    watching = asyncio.create_task(gauge.watch()) if settings.server_shed else None
    LISTENER.set(telemetry)  # for the runs that the manager takes up; requests set it for theirs
    needed = images_needed(engine, lambda: list(stores.feedback.all()))
    expiry = ImageExpiry(settings, database, images, needed)
    sweeps = {
        "images": expiry.sweep,
        "copies of images": expiry.sweep_copies,
        "answers": answers.index.sweep,
    }
    housework = asyncio.create_task(keep_house(engine.ready, sweeps))
    await manager.start()
    runner = JobRunner(settings, jobs, worker)
    runner.start()
    try:
        yield ServerContext(
            settings=settings,
            engine=engine,
            ledger=ledger,
            log=log,
            manager=manager,
            answers=answers,
            images=images,
            owned=OwnedImages(database),
            files=files,
            identify=identify or open_identify(settings, keys),
            keys=keys,
            audit=AuditLog(database),
            rate=RateLimit(settings, stores.windows),
            feedback=stores.feedback,
            jobs=jobs,
            runner=runner,
            telemetry=telemetry,
        )
    finally:
        if watching is not None:
            watching.cancel()
        housework.cancel()
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening
        await manager.stop()
        await runner.stop()
        await engine.close()
        await telemetry.close()


def _hosts(settings: Settings) -> list[str]:
    if settings.server_hosts:
        return list(settings.server_hosts)
    return ["127.0.0.1", "localhost", "[::1]", "::1"] if settings.server_auth == "none" else ["*"]
