"""An example of every body that is sent or returned, by the name of its schema in `/openapi.json`."""

from __future__ import annotations

from typing import Any

RUN = "5f0c9d3e8a4b4e7f9c2d1b6a7e8f9012"
IMAGE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
JOB = "0c4b7d1e2f3a45968778695a4b3c2d1e"
KEY = "1f2e3d4c5b6a"
_NOW = "2026-11-21T20:15:00.000+00:00"
_PNG = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAAEUlEQVR42mP8z4AKmBhGtAAAIBABH+35zCgAAAAASUVORK5CYII="
"""A white square: requests of the examples are taken as they are, and need no upload before."""
_IMAGE = {"data_url": f"data:image/png;base64,{_PNG}"}
_LOCATOR = {"sha256": IMAGE, "box": [412.0, 880.0, 498.0, 904.0]}
_CITATION = {"evidence_id": "e0123456789abcdef", "kind": "ocr", "source": "receipt.jpg", "locator": _LOCATOR}
_QUOTED = {**_CITATION, "quote": "TOTAL 12.50"}
_EVIDENCE = {
    "id": "e0123456789abcdef",
    "kind": "ocr",
    "source": "receipt.jpg",
    "locator": _LOCATOR,
    "content": "TOTAL 12.50",
    "score": 0.98,
    "tool": "read_text",
}
_HIT = {
    "id": "manual-7#2",
    "score": 0.83,
    "title": "Pump manual",
    "snippet": "Close the valve before the filter is opened.",
    "source": "manual-7",
    "collection": "docs",
    "locator": {"page": 4, "section": "Filter"},
}
_RESULT = {
    "run_id": RUN,
    "thread_id": "t1",
    "status": "done",
    "question": "What is the total?",
    "profile": "general",
    "answer": "The total is 12.50.",
    "short_answer": "12.50",
    "answer_type": "money",
    "confidence": 0.93,
    "uncertainty": 0.07,
    "citations": [_QUOTED],
    "claims": [
        {"text": "The total is 12.50.", "evidence_ids": ["e0123456789abcdef"], "supported": "verified"}
    ],
    "evidence": [_EVIDENCE],
}
_RUN = {
    "run_id": RUN,
    "thread_id": "t1",
    "status": "done",
    "question": "What is the total?",
    "images": [IMAGE],
    "created_at": _NOW,
    "started_at": _NOW,
    "finished_at": "2026-11-21T20:15:03.000+00:00",
    "result": _RESULT,
    "place": 17,
}
_THREAD = {"thread_id": "t1", "title": "Receipts", "created_at": _NOW, "runs": 1}
_JOB = {
    "job_id": JOB,
    "owner": "anonymous",
    "kind": "eval",
    "request": {"suites": ["routing"], "limit": 20, "epochs": 1, "seed": 0},
    "command": ["eval", "run", "routing", "--limit", "20", "-o", f"evals/jobs/{JOB}.jsonl"],
    "status": "running",
    "created_at": _NOW,
    "started_at": _NOW,
    "attempts": 1,
    "place": 3,
}
_KEY = {
    "key_id": KEY,
    "name": "chat page",
    "owner": "ada",
    "role": "operator",
    "scopes": ["ask", "read"],
    "created_at": _NOW,
}
_MODEL = {
    "id": "vidence",
    "vidence": {
        "version": "0.1.0",
        "hash": "8c7f1b2a3d4e5f60",
        "roles": {"answerer": "extraction", "embeddings": "all-MiniLM-L6-v2"},
    },
}
_TIMED = {"count": 12, "errors": 1, "p50_s": 0.08, "p95_s": 0.4}
_SUMMARY = {
    "worker": "5d0c7c1c6f0b4f2a9d3e8b7a6c5d4e3f",
    "requests": [{**_TIMED, "method": "POST", "route": "/v1/chat", "refused": 2}],
    "streams_open": 1,
    "event_lag": {"count": 380, "p50_s": 0.003, "p95_s": 0.01},
    "runs": {
        "started": 12,
        "ended": {"done": 9, "abstained": 2},
        "active": 1,
        "open": {"queued": 0, "running": 1},
    },
    "steps": {"plan": _TIMED},
    "tools": {"read": {**_TIMED, "error_kinds": {"timeout": 1}}},
    "models": {"qwen2.5-vl": {**_TIMED, "tokens_in": 9000, "tokens_out": 700, "cost": 0.02}},
    "quality": {"mean_confidence": 0.83, "abstentions": {"no_evidence": 2}, "ratings": {"up": 3}},
    "cache": {"exact": {"hit": 4, "miss": 8}},
    "jobs": {"queued": 0, "running": 1},
    "database_writes_waiting": 0,
    "process": {"memory_bytes": 412000000.0, "cpu_s": 31.5},
}

EXAMPLES: dict[str, Any] = {
    "Analysis": {
        **{"image_id": IMAGE, "width": 640, "height": 480, "kind": "chart", "kind_confidence": 0.97},
        **{"drawn": True, "grayscale": False, "brightness": 0.81, "colors": ["white", "blue"]},
    },
    "AnalyzeRequest": {"image": _IMAGE, "question": "What is the main colour?"},
    "AuditCheck": {"ok": True, "entries": 42, "head": "b1946ac92492d2347c6235b4d2611184"},
    "AuditPage": {
        "entries": [
            {
                **{"seq": 42, "at": _NOW, "actor": "ada (1f2e3d4c5b6a)", "action": "key.created"},
                **{"object": KEY, "previous": "0" * 64, "hash": "b" * 64},
            }
        ],
    },
    "BuildReply": {
        **{"collection": "docs", "added": 1, "unchanged": 0, "replaced": 0, "documents": 1, "chunks": 1},
        "failed": [],
    },
    "BuildRequest": {
        "collection": "docs",
        "records": [{"id": "manual-7", "title": "Pump manual", "text": "Close the valve first."}],
    },
    "CacheView": {
        "mode": "exact",
        "answers": 1,
        "newest": [
            {
                **{"run_id": RUN, "question": "What is the total?", "kept_at": _NOW},
                **{"expires_at": "2026-11-22T20:15:00.000+00:00", "hits": 2},
            }
        ],
    },
    "ChartTable": {
        **{"type": "bar", "title": "Visitors", "x": "Year", "y": "Thousands"},
        "rows": [
            {"series": "", "category": "2024", "value": 12.5, "confidence": 0.9, "box": [40, 60, 80, 200]}
        ],
    },
    "ChatRequest": {"model": "vidence", "messages": [{"role": "user", "content": "What is 15% of 80?"}]},
    "CollectionList": {"collections": [{"name": "docs", "documents": 12, "chunks": 80}]},
    "ComparePair": {"base": JOB, "new": "1d5c8e2f304b56a79889706b5c4d3e2f"},
    "Comparison": {"text": "The second image is darker.", "evidence": [_EVIDENCE]},
    "CompareRequest": {"first": _IMAGE, "second": _IMAGE, "question": "What changed?"},
    "Completion": {
        **{"id": f"chatcmpl-{RUN}", "created": 1795292100, "model": "vidence"},
        "choices": [{"message": {"content": "The total is 12.50."}}],
        "usage": {},
        "vidence": {"run_id": RUN, "thread_id": "t1", "status": "done", "citations": [_QUOTED]},
    },
    "DatasetList": {"datasets": [{"name": "ratings", "version": "v1", "rows": 120}]},
    "DatasetRequest": {"name": "ratings", "since": "30d", "min_agreement": 0.6, "share": 1.0},
    "EmbeddingReply": {
        **{"model": "all-MiniLM-L6-v2", "hash": "5fb3d6f1c2a49e07", "dim": 3},
        "embeddings": [[0.6, 0.0, 0.8]],
    },
    "EmbeddingRequest": {"input": ["close the valve"]},
    "EvalRequest": {"suites": ["routing"], "limit": 20},
    "EvalResults": {"job": _JOB, "samples": 8},
    "Feedback": {
        "run": {
            **{"run_id": RUN, "question": "What is the total?", "answer": "The total is 12.50."},
            **{"short_answer": "12.50", "status": "done", "profile": "general", "confidence": 0.93},
        },
        **{"user": "ada", "rating": "down", "correction": "12.80", "at": _NOW, "first_at": _NOW},
    },
    "FeedbackRequest": {"run_id": RUN, "rating": "down", "correction": "12.80"},
    "Forgotten": {"forgotten": 1},
    "GenerateReply": {"text": "Hello.", "model": "qwen3-4b", "tokens_in": 9, "tokens_out": 3},
    "GenerateRequest": {"prompt": "Say hello.", "role": "answerer"},
    "Health": {"status": "ok"},
    "History": {"thread": _THREAD, "runs": [_RUN]},
    "ImageHits": {"image_id": IMAGE, "hits": [_HIT]},
    "ImageSearch": {"image": _IMAGE, "collections": ["photos"], "k": 5},
    "ImageSource": _IMAGE,
    "ImageView": {"image_id": IMAGE, "width": 640, "height": 960},
    "InspectReply": {
        **{"scan_id": "bag-17", "detected_items": [], "risk_level": "medium"},
        **{"action": "manual_inspection", "reasoning": "Nothing examined this scan."},
        **{"match_declaration": None, "processing_time_ms": 412.0, "run_id": RUN},
    },
    "InspectRequest": {**{"scan_id": "bag-17", "image_base64": _PNG, "declared_items": ["laptop"]}},
    "Job": _JOB,
    "JobList": {"jobs": [_JOB]},
    "JobLog": {"text": "routing: 8 of 20\n", "next": 17},
    "KeyList": {"keys": [_KEY]},
    "ApiKey": {**_KEY, "revoked_at": _NOW},
    "MadeKey": {"key": _KEY, "secret": f"vdn_{KEY}_shown-this-once"},
    "ModelCard": _MODEL,
    "ModelList": {"data": [_MODEL]},
    "NewKey": {"name": "chat page", "owner": "ada", "role": "operator", "days": 90.0},
    "NewThread": {"thread_id": "t1", "title": "Receipts"},
    "OcrReply": {
        **{"image_id": IMAGE, "width": 640, "height": 960},
        "lines": [{"text": "TOTAL 12.50", "box": [412.0, 880.0, 498.0, 904.0], "score": 0.98}],
    },
    "OneImage": {"image": _IMAGE},
    "Problem": {
        **{"type": "urn:vidence:problem:not_found", "title": "There is no such thing", "status": 404},
        **{"detail": "No run `x`", "code": "not_found", "instance": "/v1/runs/x"},
    },
    "RagRequest": {"question": "What is closed before the filter is opened?", "collections": ["docs"]},
    "Readiness": {"status": "ready", "active_runs": 0},
    "ResumeRequest": {"reply": "The left one."},
    "RunList": {"runs": [_RUN], "next": 17},
    "RunRequest": {"question": "What is the total?", "images": [_IMAGE], "thread_id": "t1"},
    "RunResult": _RESULT,
    "RunView": _RUN,
    "SearchReply": {"query": "valve", "hits": [_HIT]},
    "SearchRequest": {"query": "which valve is closed first", "collections": ["docs"], "k": 5},
    "Summary": _SUMMARY,
    "Thread": _THREAD,
    "ThreadList": {"threads": [_THREAD]},
    "TrainRequest": {"recipe": "smoke", "set": {"optim.batch": "4"}, "max_seconds": 600.0},
    "VqaRequest": {"question": "What is the total?", "images": [_IMAGE]},
}

INLINE: dict[str, dict[str, Any]] = {
    "POST /v1/vqa": {
        "application/json": EXAMPLES["VqaRequest"],
        "multipart/form-data": {"question": "What is the total?", "use_rag": False},
    },
    "GET /v1/events/schema": {"application/json": {"title": "Event", "oneOf": []}},
    "POST /v1/eval/compare": {"application/json": {"verdict": "same", "suites": []}},
}
"""Of bodies whose schema has no name."""

PARAMETERS: dict[str, Any] = {
    "run_id": RUN,
    "thread_id": "t1",
    "image_id": IMAGE,
    "job_id": JOB,
    "key_id": KEY,
    "collection": "docs",
    "name": "vidence",
}
