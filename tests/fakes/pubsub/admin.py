"""The fake with what an administrator sees beside: service agents, project numbers, rights on subscriptions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.fakes.gcs.errors import Refused
from tests.fakes.gcs.messages import Answer, Request, json_answer
from tests.fakes.gcs.server import FakeGcs

STORAGE_AGENT = "service-123@gs-project-accounts.iam.gserviceaccount.com"
PUBSUB_AGENT = "serviceAccount:service-123@gcp-sa-pubsub.iam.gserviceaccount.com"
PROJECT_NUMBER = "123"


class FakeCloud(FakeGcs):
    """``policies`` are the rights on subscriptions; a resource in ``hidden`` may not be looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.policies: dict[str, dict[str, Any]] = {}
        self.hidden: set[str] = set()

    def _route(self, request: Request) -> Answer:
        path = request.path
        if path in self.hidden:
            raise Refused(403, "PERMISSION_DENIED", "Permission denied on resource.", reason="forbidden")
        if path.startswith("/storage/v1/projects/") and path.endswith("/serviceAccount"):
            return json_answer({"kind": "storage#serviceAccount", "email_address": STORAGE_AGENT})
        name, _, verb = path.removeprefix("/v1/").partition(":")
        if "/subscriptions/" in name and verb in ("getIamPolicy", "setIamPolicy"):
            return self._policy(request, name, verb)
        answer = super()._route(request)
        of_bucket = path.startswith("/storage/v1/b/") and path.count("/") == 4
        if of_bucket and request.method in ("GET", "PATCH") and isinstance(answer.body, bytes):
            described = json.loads(answer.body) | {"projectNumber": PROJECT_NUMBER}
            return replace(answer, body=json.dumps(described).encode())
        return answer

    def _policy(self, request: Request, name: str, verb: str) -> Answer:
        if name not in self.pubsub.subscriptions:
            raise Refused(404, "NOT_FOUND", f"Resource not found (resource={name}).", reason="notFound")
        if verb == "setIamPolicy":
            self.policies[name] = request.json()["policy"]
        return json_answer(self.policies.get(name, {}))
