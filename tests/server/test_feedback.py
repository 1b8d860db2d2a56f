"""The export of ratings."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.support.live_server import ended, live, start


def test_ratings_since_a_time_are_told_by_the_time_and_not_by_how_it_is_written(tmp_path: Path) -> None:
    with live(tmp_path) as client:
        run = ended(client, start(client)["run_id"])["run_id"]
        at = datetime.fromisoformat(
            client.post("/v1/feedback", json={"run_id": run, "rating": "up"}).json()["at"]
        )

        def exported(since: str) -> int:
            reply = client.get("/v1/feedback", params={"since": since})
            assert reply.status_code == 200, reply.text
            return len(reply.text.splitlines())

        east, west = timezone(timedelta(hours=9)), timezone(timedelta(hours=-9))
        before, after = at - timedelta(minutes=1), at + timedelta(minutes=1)
        assert exported(before.astimezone(east).isoformat()) == 1
        assert exported(after.astimezone(west).isoformat()) == 0
        assert exported(before.strftime("%Y-%m-%dT%H:%M:%SZ")) == 1
        assert exported((at - timedelta(days=1)).date().isoformat()) == 1
        for wrong in ("2026-13-01", "2026-01-01\0", "2026-01-01T00:00:00 05:00"):
            reply = client.get("/v1/feedback", params={"since": wrong})
            assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")
