"""The XML API, at ``/BUCKET/OBJECT``: what signed URLs are for, and what browsers speak to."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

from tests.fakes.gcs.errors import Refused, bad_request
from tests.fakes.gcs.messages import Answer, Request
from tests.fakes.gcs.objects import JSON, LEGACY_ACL_REFUSED, Objects, StoredObject
from tests.fakes.gcs.reading import content_answer
from tests.fakes.gcs.sessions import Sessions
from tests.fakes.gcs.signatures import Signatures

_OVERRIDES = {"response-content-disposition": "Content-Disposition", "response-content-type": "Content-Type"}


class XmlApi:
    """Handles requests for objects; only what is signed, public, or part of a session is let through."""

    def __init__(self, objects: Objects, sessions: Sessions, signatures: Signatures, base: str) -> None:
        self._objects, self._sessions, self._signatures, self._base = objects, sessions, signatures, base

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        bucket, _, name = unquote(request.path.lstrip("/")).partition("/")
        if not bucket or not name:
            raise Refused(400, "InvalidURI", "An object is needed.")
        if request.method == "OPTIONS":
            return self._preflight(request, bucket)
        upload_id = request.param("upload_id")
        if upload_id is not None:
            if request.method == "DELETE":
                return self._sessions.cancel(upload_id)
            return self._sessions.receive(self._sessions.find(upload_id), request, _stored)
        if self._signatures.is_signed(request):
            self._signatures.verify(request)
        elif request.method not in ("GET", "HEAD") or not self._is_public(bucket, name):
            raise Refused(403, "AccessDenied", "Anonymous caller does not have access.")
        match request.method:
            case "GET" | "HEAD":
                stored = self._objects.get(bucket, name, request.conditions())
                return content_answer(stored, request, self._overrides(request))
            case "PUT":
                return self._put(request, bucket, name)
            case "POST" if request.header("x-goog-resumable") == "start":
                return self._start(request, bucket, name)
            case "DELETE":
                self._objects.delete(bucket, name, request.conditions())
                return Answer(204)
        raise Refused(405, "MethodNotAllowed", "The method is not allowed.")

    def cors_headers(self, request: Request) -> Mapping[str, str]:
        """What the bucket's configuration, or the session's origin, adds to an answer."""
        origin = request.header("Origin")
        if origin is None:
            return {}
        upload_id = request.param("upload_id")
        if upload_id is not None:
            try:
                started_by = self._sessions.find(upload_id).origin
            except Refused:
                started_by = None
            if started_by is not None:
                return _allow(origin, ["Range", "Content-Type", "Location"]) if started_by == origin else {}
        bucket = unquote(request.path.lstrip("/")).partition("/")[0]
        if bucket in ("upload", "storage", "download"):
            return _allow(origin, [])
        rule = self._rule(bucket, origin, request.method)
        return {} if rule is None else _allow(origin, rule.get("responseHeader", []))

    def _rule(self, bucket: str, origin: str, method: str) -> JSON | None:
        if bucket not in self._objects.buckets:
            return None
        for rule in self._objects.buckets[bucket].cors:
            if {"*", origin} & set(rule.get("origin", [])) and {"*", method} & set(rule.get("method", [])):
                return rule
        return None

    def _preflight(self, request: Request, bucket: str) -> Answer:
        """Say whether a page of this origin may send the request; if not, the answer has no headers."""
        origin, method = request.header("Origin"), request.header("Access-Control-Request-Method")
        if origin is None or method is None:
            raise bad_request("Not a preflight request.")
        rule = self._rule(bucket, origin, method)
        wanted = [each.strip().lower() for each in (request.header("Access-Control-Request-Headers") or "").split(",")]
        known = [each.lower() for each in (rule or {}).get("responseHeader", [])]
        if rule is None or not all(not each or _is_listed(each, known) for each in wanted):
            return Answer(200)
        return Answer(
            200,
            {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": ", ".join(rule["method"]),
                "Access-Control-Allow-Headers": ", ".join(filter(None, wanted)),
                "Access-Control-Max-Age": str(rule.get("maxAgeSeconds", 3_600)),
            },
        )

    def _is_public(self, bucket: str, name: str) -> bool:
        place = self._objects.bucket(bucket)
        stored = place.objects.get(name)
        return place.everyone_reads or (stored is not None and stored.public and not place.uniform)

    def _overrides(self, request: Request) -> dict[str, str]:
        # Only a request that proves who makes it may choose the headers of the answer.
        if not self._signatures.is_signed(request):
            return {}
        return {header: value for param, header in _OVERRIDES.items() if (value := request.param(param)) is not None}

    def _put(self, request: Request, bucket: str, name: str) -> Answer:
        self._check_acl(request, bucket)
        if request.length is None and "chunked" not in (request.header("Transfer-Encoding") or ""):
            raise Refused(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        limits = _limits(request)
        if limits is not None and request.length is not None:
            _check_size(request.length, limits)
        path, size = self._objects.fresh_file(), 0
        with path.open("wb") as file:
            for piece in request.pieces():
                file.write(piece)
                size += len(piece)
        if request.length not in (None, size):
            raise bad_request("The client left.", code="IncompleteBody")
        if limits is not None:
            _check_size(size, limits)
        return _stored(
            self._objects.insert(
                bucket, name, path, conditions=request.conditions(), declared=_hashes(request), **_about(request)
            )
        )

    def _start(self, request: Request, bucket: str, name: str) -> Answer:
        self._check_acl(request, bucket)
        request.body()
        limits = _limits(request)
        announced = request.header("X-Upload-Content-Length")
        if announced is not None:
            if limits is not None:
                _check_size(int(announced), limits)
            limits = (int(announced), int(announced))
        session = self._sessions.start(
            bucket, name, request, about=_about(request), declared=_hashes(request), limits=limits
        )
        uri = f"{self._base}/{bucket}/{quote(name)}?upload_id={session.id}"
        return Answer(201, {"Location": uri, "X-GUploader-UploadID": session.id})

    def _check_acl(self, request: Request, bucket: str) -> None:
        if request.header("x-goog-acl") is not None and self._objects.bucket(bucket).uniform:
            raise Refused(400, "InvalidArgument", LEGACY_ACL_REFUSED)


def _stored(stored: StoredObject) -> Answer:
    hashes = f"crc32c={stored.crc32c_text},md5={stored.md5_text}"
    headers = {"ETag": f'"{stored.generation}"', "x-goog-generation": str(stored.generation), "x-goog-hash": hashes}
    return Answer(200, headers)


def _allow(origin: str, exposed: list[str]) -> dict[str, str]:
    headers = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
    if exposed:
        headers["Access-Control-Expose-Headers"] = ", ".join(exposed)
    return headers


def _is_listed(header: str, known: list[str]) -> bool:
    return any(header == each or (each.endswith("*") and header.startswith(each[:-1])) for each in known)


def _limits(request: Request) -> tuple[int, int] | None:
    text = request.header("x-goog-content-length-range")
    if text is None:
        return None
    low, comma, high = text.partition(",")
    if not comma or not low.strip().isdecimal() or not high.strip().isdecimal():
        raise bad_request("Invalid x-goog-content-length-range.")
    return int(low), int(high)


def _check_size(size: int, limits: tuple[int, int]) -> None:
    if size < limits[0]:
        raise bad_request("Your proposed upload is smaller than the minimum size.", code="EntityTooSmall")
    if size > limits[1]:
        raise bad_request("Your proposed upload is larger than the maximum size.", code="EntityTooLarge")


def _hashes(request: Request) -> dict[str, str | None]:
    hashes: dict[str, str | None] = {"md5Hash": request.header("Content-MD5")}
    for each in (request.header("x-goog-hash") or "").split(","):
        name, _, value = each.strip().partition("=")
        if name:
            hashes["md5Hash" if name == "md5" else name] = value
    return hashes


def _about(request: Request) -> JSON:
    prefix = "x-goog-meta-"
    metadata = {
        name[len(prefix) :].lower(): value for name, value in request.headers.items() if name.lower().startswith(prefix)
    }
    return {"content_type": request.header("Content-Type") or "application/octet-stream", "metadata": metadata}
