"""Objects of S3 buckets, by obstore (the Rust object_store), which signs, retries and lists."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core.errors import VidenceError, invalid_input, not_found, unavailable
from core.net import Fetched
from knowledge.readers.context import ReadContext


def get_object(bucket: str, key: str, context: ReadContext, *, etag: str = "") -> Fetched:
    """Return an object, or `unchanged` when its ETag is still the given one.

    Raises:
        VidenceError: `not_found`, `invalid_input` over the size limit or without permission, `timeout`,
            or `unavailable`.
    """
    import obstore
    from obstore.exceptions import NotModifiedError

    store = _store(bucket, context)
    limit = context.policy.max_bytes
    try:
        found = obstore.get(store, key, options={"if_none_match": etag} if etag else None)
        size = int(found.meta["size"])
        if size > limit:
            raise invalid_input(
                f"s3://{bucket}/{key} has {size:,} bytes, over the limit of {limit:,}",
                help="Download and split it, or raise VIDENCE_FETCH_MAX_BYTES.",
            )
        body = bytes(found.bytes())
    except NotModifiedError:
        return Fetched(f"s3://{bucket}/{key}", unchanged=True)
    except VidenceError:
        raise
    except Exception as error:
        raise _typed(error, f"s3://{bucket}/{key}") from error
    stamp = found.meta["last_modified"]
    return Fetched(
        f"s3://{bucket}/{key}",
        body,
        etag=str(found.meta.get("e_tag") or ""),
        last_modified=stamp.isoformat() if stamp else "",
    )


def list_objects(bucket: str, prefix: str, context: ReadContext) -> list[str]:
    """Return the keys under a prefix; raises like `get_object`."""
    store = _store(bucket, context)
    try:
        return [str(item["path"]) for page in store.list(prefix or None) for item in page if item["size"]]
    except Exception as error:
        raise _typed(error, f"s3://{bucket}/{prefix}") from error


def _store(bucket: str, context: ReadContext) -> Any:
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise unavailable(
            "Reading S3 needs obstore", help="Run `pip install 'vidence[rag]'`.", retryable=False
        ) from error
    options = context.s3
    given: Any = {"region": options.region, "skip_signature": not options.access_key_id}
    if options.access_key_id:
        given |= {
            "access_key_id": options.access_key_id,
            "secret_access_key": options.secret_access_key,
        }
    if options.endpoint:
        given["endpoint"] = options.endpoint
    wait = timedelta(seconds=context.policy.timeout_s)
    try:
        return S3Store(
            bucket,
            config=given,
            client_options={"timeout": wait, "allow_http": options.endpoint.startswith("http://")},
            retry_config={"max_retries": 2, "retry_timeout": wait},
        )
    except Exception as error:
        raise _typed(error, f"s3://{bucket}") from error


def _typed(error: Exception, where: str) -> VidenceError:
    """Return an error of obstore as one of ours; their messages can hold signed URLs: none is passed on."""
    from obstore import exceptions

    if isinstance(error, exceptions.NotFoundError | FileNotFoundError):
        return not_found(f"No such object: {where}", help="Check the bucket and the key.")
    if isinstance(
        error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError | PermissionError
    ):
        return invalid_input(
            f"{where} may not be read with the settings' key",
            help="Set VIDENCE_S3_ACCESS_KEY_ID and VIDENCE_S3_SECRET_ACCESS_KEY, and VIDENCE_S3_REGION.",
        )
    if "timed out" in str(error).lower():
        return VidenceError("timeout", f"{where} took too long", help="Try again later.", retryable=True)
    return unavailable(
        f"{where} cannot be read ({type(error).__name__})",
        help="Check the network, VIDENCE_S3_ENDPOINT and VIDENCE_S3_REGION.",
    )
