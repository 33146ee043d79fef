"""The JSON API: ``/storage/v1``, ``/upload/storage/v1`` and ``/download/storage/v1``."""

from __future__ import annotations

import json
import re
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import quote, unquote

from tests.fakes.gcs.errors import Refused, bad_request
from tests.fakes.gcs.messages import Answer, Request, json_answer
from tests.fakes.gcs.objects import JSON, LEGACY_ACL_REFUSED, Bucket, Objects, StoredObject
from tests.fakes.gcs.reading import content_answer
from tests.fakes.gcs.sessions import Sessions

MAX_COMPOSED = 32
_DESCRIBED = ("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "customTime")


class JsonApi:
    """Handles the requests for buckets and objects. ``base`` is the URL of the server."""

    def __init__(self, objects: Objects, sessions: Sessions, base: str) -> None:
        self._objects, self._sessions, self._base = objects, sessions, base

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        # An object name is one segment, in which slashes are escaped.
        path = [unquote(each) for each in request.path.strip("/").split("/")]
        if path[0] == "upload":
            return self._upload(request, path[4])
        segments = path[path.index("v1") + 1 :]
        match (request.method, *segments):
            case ("POST", "b"):
                return self._make_bucket(request)
            case (method, "b", bucket):
                return self._bucket(method, request, self._objects.bucket(bucket))
            case ("GET", "b", bucket, "iam"):
                return json_answer({"kind": "storage#policy", "bindings": self._objects.bucket(bucket).policy})
            case ("PUT", "b", bucket, "iam"):
                found = self._objects.bucket(bucket)
                found.policy = request.json().get("bindings", [])
                return json_answer({"kind": "storage#policy", "bindings": found.policy})
            case (_, "b", bucket, "notificationConfigs", *rest):
                return self._notification_configs(request, self._objects.bucket(bucket), rest)
            case ("GET", "b", bucket, "o"):
                return self._list(request, bucket)
            case ("GET" | "POST" as method, "b", bucket, "o", name, "acl"):
                return self._acl(method, request, bucket, name)
            case ("POST", "b", bucket, "o", name, "compose"):
                return self._compose(request, bucket, name)
            case ("POST", "b", bucket, "o", name, "rewriteTo" | "copyTo" as verb, "b", to_bucket, "o", to_name):
                return self._copy(request, verb, (bucket, name), (to_bucket, to_name))
            case (method, "b", bucket, "o", name):
                return self._object(method, request, bucket, name)
        raise Refused(404, "NotFound", f"No such method: {request.method} {request.path}", reason="notFound")

    def resource(self, stored: StoredObject) -> Answer:
        """An object, described."""
        return json_answer(stored.resource(self._base))

    def _make_bucket(self, request: Request) -> Answer:
        wanted = request.json()
        bucket = self._objects.make_bucket(wanted["name"])
        _configure(bucket, wanted)
        return json_answer(bucket.resource())

    def _bucket(self, method: str, request: Request, bucket: Bucket) -> Answer:
        if method in ("PATCH", "PUT"):
            expected = request.conditions().metageneration
            if expected not in (None, bucket.metageneration):
                raise Refused(412, "PreconditionFailed", "The metageneration is another.", reason="conditionNotMet")
            _configure(bucket, request.json())
            bucket.metageneration += 1
        elif method == "DELETE":
            if bucket.objects:
                raise Refused(409, "BucketNotEmpty", "The bucket is not empty.", reason="conflict")
            del self._objects.buckets[bucket.name]
            return Answer(204)
        elif method != "GET":
            raise Refused(405, "MethodNotAllowed", "Not for a bucket.")
        return json_answer(bucket.resource())

    def _notification_configs(self, request: Request, bucket: Bucket, rest: list[str]) -> Answer:
        configs = bucket.notification_configs
        match (request.method, *rest):
            case ("GET",):
                return json_answer({"kind": "storage#notifications", "items": list(configs.values())})
            case ("POST",):
                wanted = request.json()
                if not wanted.get("topic", "").startswith("//pubsub.googleapis.com/projects/"):
                    raise bad_request("Invalid Google Cloud Pub/Sub topic.")
                number = str(1 + max(map(int, configs), default=0))
                configs[number] = {
                    "payload_format": "JSON_API_V1",
                    **wanted,
                    "id": number,
                    "kind": "storage#notification",
                }
                return json_answer(configs[number])
            case ("GET" | "DELETE" as method, number) if number in configs:
                return json_answer(configs[number]) if method == "GET" else Answer(204 if configs.pop(number) else 500)
        raise Refused(404, "NotFound", "No such notification configuration.", reason="notFound")

    def _list(self, request: Request, bucket: str) -> Answer:
        limit = min(int(request.param("maxResults") or 1_000), 1_000)
        prefix, after = request.param("prefix") or "", request.param("pageToken") or ""
        found = self._objects.listing(bucket, prefix, after, request.param("startOffset") or "", limit + 1)
        page: JSON = {"kind": "storage#objects", "items": [each.resource(self._base) for each in found[:limit]]}
        if len(found) > limit:
            page["nextPageToken"] = found[limit - 1].name
        return json_answer(page)

    def _object(self, method: str, request: Request, bucket: str, name: str) -> Answer:
        generation = int(text) if (text := request.param("generation")) else None
        match method:
            case "GET":
                stored = self._objects.get(bucket, name, request.conditions(), generation)
                return content_answer(stored, request) if request.param("alt") == "media" else self.resource(stored)
            case "DELETE":
                self._objects.delete(bucket, name, request.conditions(), generation)
                return Answer(204)
            case "PATCH" | "PUT":
                wanted = request.json()
                changes = _about(wanted)
                if wanted.get("acl") or request.param("predefinedAcl"):
                    self._refuse_acl(bucket)
                    changes["public"] = any(each["entity"] == "allUsers" for each in wanted.get("acl", []))
                return self.resource(self._objects.change(bucket, name, request.conditions(), **changes))
        raise Refused(405, "MethodNotAllowed", "Not for an object.")

    def _acl(self, method: str, request: Request, bucket: str, name: str) -> Answer:
        self._refuse_acl(bucket)
        if method == "POST":
            wanted = request.json()
            self._objects.change(bucket, name, request.conditions(), public=wanted.get("entity") == "allUsers")
            return json_answer({"kind": "storage#objectAccessControl", "role": "READER", **wanted})
        public = self._objects.get(bucket, name).public
        return json_answer({"items": [{"entity": "allUsers", "role": "READER"}] if public else []})

    def _refuse_acl(self, bucket: str) -> None:
        if self._objects.bucket(bucket).uniform:
            raise Refused(400, "InvalidArgument", LEGACY_ACL_REFUSED, reason="invalid")

    def _compose(self, request: Request, bucket: str, name: str) -> Answer:
        wanted = request.json()
        listed = wanted.get("sourceObjects", [])
        if not 1 <= len(listed) <= MAX_COMPOSED:
            raise bad_request(f"The number of source components must be 1 to {MAX_COMPOSED}.")
        sources = [self._objects.get(bucket, each["name"]) for each in listed]
        about = _about(wanted.get("destination", {}))
        about.setdefault("content_type", "application/octet-stream")
        return self.resource(self._objects.compose(sources, bucket, name, request.conditions(), **about))

    def _copy(self, request: Request, verb: str, source: tuple[str, str], target: tuple[str, str]) -> Answer:
        if request.param("destinationPredefinedAcl"):
            self._refuse_acl(target[0])
        generation = int(text) if (text := request.param("sourceGeneration")) else None
        found = self._objects.get(*source, generation=generation)
        copied = self._objects.copy(found, *target, request.conditions(), **_about(request.json()))
        resource = copied.resource(self._base)
        if verb == "copyTo":
            return json_answer(resource)
        size = str(copied.size)
        answer = {"kind": "storage#rewriteResponse", "done": True, "objectSize": size, "totalBytesRewritten": size}
        return json_answer({**answer, "resource": resource})

    def _upload(self, request: Request, bucket: str) -> Answer:
        upload_id = request.param("upload_id")
        if upload_id is not None:
            if request.method == "DELETE":
                return self._sessions.cancel(upload_id)
            return self._sessions.receive(self._sessions.find(upload_id), request, self.resource)
        if request.param("predefinedAcl"):
            self._refuse_acl(bucket)
        match request.param("uploadType"):
            case "media":
                return self._insert(bucket, {"name": request.require("name")}, request, request.body())
            case "multipart":
                described, content_type, content = _related(request)
                return self._insert(bucket, {"contentType": content_type, **described}, request, content)
            case "resumable":
                return self._start(request, bucket)
        raise bad_request("Unknown uploadType.")

    def _insert(self, bucket: str, described: JSON, request: Request, content: bytes) -> Answer:
        about = _about(described)
        about.setdefault("content_type", request.header("Content-Type") or "application/octet-stream")
        path = self._objects.fresh_file()
        path.write_bytes(content)
        name = described.get("name") or request.require("name")
        stored = self._objects.insert(
            bucket, name, path, conditions=request.conditions(), declared=_declared(described), **about
        )
        return self.resource(stored)

    def _start(self, request: Request, bucket: str) -> Answer:
        described = request.json()
        name = described.get("name") or request.require("name")
        size = request.header("X-Upload-Content-Length")
        about = _about(described)
        about.setdefault("content_type", request.header("X-Upload-Content-Type") or "application/octet-stream")
        session = self._sessions.start(
            bucket,
            name,
            request,
            about=about,
            declared=_declared(described),
            limits=(int(size), int(size)) if size else None,
        )
        query = f"uploadType=resumable&name={quote(name, safe='')}&upload_id={session.id}"
        uri = f"{self._base}/upload/storage/v1/b/{bucket}/o?{query}"
        return Answer(200, {"Location": uri, "X-GUploader-UploadID": session.id})


def _configure(bucket: Bucket, wanted: JSON) -> None:
    if "cors" in wanted:
        bucket.cors = wanted["cors"] or []
    if "lifecycle" in wanted:
        bucket.lifecycle = wanted["lifecycle"] or {}
    access = wanted.get("iamConfiguration", {})
    if "uniformBucketLevelAccess" in access:
        bucket.uniform = access["uniformBucketLevelAccess"]["enabled"]
    bucket.public_access_prevention = access.get("publicAccessPrevention", bucket.public_access_prevention)


def _about(described: JSON) -> dict[str, Any]:
    about: dict[str, Any] = {}
    if "contentType" in described:
        about["content_type"] = described["contentType"]
    if "metadata" in described:
        about["metadata"] = {key: value for key, value in (described["metadata"] or {}).items() if value is not None}
    if kept := {name: described[name] for name in _DESCRIBED if name in described}:
        about["described"] = kept
    return about


def _declared(described: JSON) -> dict[str, str | None]:
    return {name: described.get(name) for name in ("md5Hash", "crc32c")}


def _related(request: Request) -> tuple[JSON, str, bytes]:
    """Description, content type and content of a multipart/related upload."""
    content_type = request.header("Content-Type") or ""
    match = re.search(r'boundary="?([^";]+)"?', content_type)
    body = request.body()
    if match is None:
        raise bad_request("No boundary.")
    parts = body.split(b"--" + match[1].encode())
    if len(parts) < 4:
        raise bad_request("Two parts are needed.")
    described, content = (_part(each) for each in parts[1:3])
    return json.loads(described[1]), content[0], content[1]


def _part(raw: bytes) -> tuple[str, bytes]:
    head, _, content = raw.partition(b"\r\n\r\n")
    headers = BytesParser(policy=HTTP).parsebytes(head.strip() + b"\r\n\r\n", headersonly=True)
    return headers.get("Content-Type", "application/octet-stream"), content.removesuffix(b"\r\n")
