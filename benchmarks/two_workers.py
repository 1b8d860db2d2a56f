"""Two workers on PostgreSQL and Redis under load: one is killed, or a store goes away.

    python -m benchmarks.two_workers kill [--kills 20] [--seed 0]
    python -m benchmarks.two_workers stop [--seconds 10]       SIGSTOP to Redis
    python -m benchmarks.two_workers restart [--seconds 10]    Redis killed, and back with its file
    ... stop --store postgres, restart --store postgres        the same to PostgreSQL

Everything runs over instant fakes on this machine, each worker with a data folder of its own. It fails when
an accepted run does not end, or ends twice; when a rating is lost; or when a joined stream is not the log.
"""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.mortal_server import Mother, Nursery
from tests.support.postgres import PostgresServer, mortal_postgres
from tests.support.server_load import check, kill_at_random, repeated_calls, under_load
from tests.support.shared_stores import RedisServer, fresh_database, redis_server


def trouble(args: argparse.Namespace, workers: list[Nursery], store: RedisServer | PostgresServer) -> None:
    """Do what the run is about, while clients ask."""
    if args.what == "kill":
        kill_at_random(workers, args.kills, seed=args.seed)
        return
    time.sleep(1)
    if args.what == "stop":
        store.signal(signal.SIGSTOP)
        time.sleep(args.seconds)
        store.signal(signal.SIGCONT)
    else:
        store.kill()
        time.sleep(args.seconds)
        store.start()
    time.sleep(2)


def main() -> None:
    """Run and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("kill", "stop", "restart"))
    parser.add_argument("--store", choices=("redis", "postgres"), default="redis")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        mortal_postgres() as postgres,
        fresh_database(postgres.url) as url,
        redis_server(Path(name) / "redis") as redis,
    ):
        home, mother = Path(name), Mother()
        stores: dict[str, Any] = {"calls": home / "calls", "database_url": url, "redis_url": redis.url}
        workers = [Nursery(home / worker, mother, **stores) for worker in ("one", "two")]
        for worker in workers:
            worker.start()
        store = postgres if args.store == "postgres" else redis
        load = under_load(workers, lambda: trouble(args, workers, store))
        statuses = check(load, workers[-1])
        calls, again = repeated_calls(workers[0])
        for worker in workers:
            worker.kill()
        mother.close()
    found = {
        "what": args.what,
        "store": args.store,
        "accepted": len(load.accepted),
        "statuses": statuses,
        "refused": load.refused,
    }
    found |= {"followed": len(load.followed), "rated": len(load.rated)}
    print(json.dumps(found | {"tool_calls": calls, "called_again": again}))


if __name__ == "__main__":
    main()
