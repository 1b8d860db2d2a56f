"""What the routes take and give."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from core.contracts import InputRequired, ProfileName, RunResult
from server.runs.records import Failure, Multitask, OnDisconnect, Run, Status, Thread

ThreadId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
"""A name of the caller's choice; two callers may use the same one for threads of their own."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MAX_IMAGES = 64
MAX_TEXT = 200_000


class Body(BaseModel):
    """Base of request bodies.

    Unknown fields are refused, so that a slip of the pen is seen, and so are other types: `0` is no truth
    value.
    """

    model_config = ConfigDict(extra="forbid", strict=True)


class ImageSource(Body):
    """An image: exactly one of its three forms."""

    data_url: str | None = Field(None, description="`data:image/png;base64,...`")
    image_id: Sha256 | None = Field(None, description="The hash that `POST /v1/images` returned.")
    url: str | None = Field(None, max_length=2048, description="A public http or https address.")

    @model_validator(mode="after")
    def _one_form(self) -> ImageSource:
        if sum(value is not None for value in (self.data_url, self.image_id, self.url)) != 1:
            raise ValueError("give exactly one of data_url, image_id and url")
        return self


class RunRequest(Body):
    """A question to the agent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"question": "What is 15% of 80?"},
                {"question": "What is the total?", "thread_id": "t1"},
            ]
        },
    )

    question: str = Field(min_length=1, max_length=MAX_TEXT)
    images: list[ImageSource] = Field(default_factory=list, max_length=MAX_IMAGES)
    profile: ProfileName | None = Field(None, description="Picked by the question when left out.")
    collections: list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=32, description="Where to search."
    )
    declared: list[Annotated[str, StringConstraints(max_length=200)]] = Field(
        default_factory=list, max_length=200, description="Items that the owner declared (inspection)."
    )
    thread_id: ThreadId | None = Field(None, description="The conversation to go on with; made when new.")
    on_disconnect: OnDisconnect = Field(
        "continue", description="What happens to the run when the client of `POST /v1/chat` leaves."
    )
    multitask: Multitask = Field("reject", description="What happens when the thread has a run already.")
    cache: bool = Field(
        True, description="False answers anew, and keeps nothing: like `Cache-Control: no-store`."
    )


class ResumeRequest(Body):
    """The reply to the question that a run waits for."""

    reply: str = Field(min_length=1, max_length=MAX_TEXT)


class RunView(BaseModel):
    """A run as its owner sees it."""

    run_id: str
    thread_id: str
    status: Status
    question: str
    images: list[str] = Field(default_factory=list, description="Hashes of its images.")
    created_at: str
    started_at: str = ""
    finished_at: str = ""
    cancel_requested: bool = False
    input_required: InputRequired | None = None
    error: Failure | None = None
    result: dict[str, Any] | None = Field(
        None, description="What `vidence ask --json` prints, once it ended."
    )
    place: int = Field(description="For `before`: runs count up.")

    @classmethod
    def of(cls, run: Run, result: str | None = None) -> RunView:
        """Show a run."""
        return cls(
            run_id=run.run_id,
            thread_id=run.thread_id,
            status=run.status,
            question=run.spec.question,
            images=[image.sha256 for image in run.spec.images],
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            cancel_requested=run.cancel_requested,
            input_required=run.waiting.asked if run.waiting else None,
            error=run.error,
            result=RunResult.model_validate_json(result).to_json() if result else None,
            place=run.place,
        )


class RunList(BaseModel):
    """Runs, the newest first; `next` is the `before` of the following page."""

    runs: list[RunView]
    next: int | None = None


class NewThread(Body):
    """A thread to be made."""

    thread_id: ThreadId | None = None
    title: str = Field("", max_length=200)


class ThreadList(BaseModel):
    """Threads, the newest first; `next` is the `offset` of the following page."""

    threads: list[Thread]
    next: int | None = None


class History(BaseModel):
    """The runs of a thread, the oldest first."""

    thread: Thread
    runs: list[RunView]


class ImageView(BaseModel):
    """An image in the store; use `image_id` in requests."""

    image_id: str
    width: int
    height: int
    expires_at: str | None = Field(
        None, description="When it goes unless it is used before; every request that names it counts."
    )
