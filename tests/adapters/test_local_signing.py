"""Signatures of our own URLs: the canonical text, what cannot be signed, and that no altered URL is let through."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from storage_adapters import Grant, InvalidSignature
from storage_adapters.blobs.signing import UrlSigner
from tests.contract.blob_scenes import KEY, NOW
from tests.contract.signed_urls import parameters

SECRET = b"0123456789abcdef0123456789abcdef"
SIGNER = UrlSigner(SECRET, "https://files.example/base/")
PUT = SIGNER.sign("PUT", KEY, expires_at=NOW + 1000, content_type="video/mp4", size=123)
GET = SIGNER.sign("GET", KEY, expires_at=NOW + 1000, filename="Übung & more.mp4")
HEAD = SIGNER.sign("HEAD", KEY, expires_at=NOW + 1000)
SIGNED = [PUT, GET, HEAD]

keys = st.from_regex(r"[A-Za-z0-9_-]{1,20}(/[A-Za-z0-9_-]{1,20}){0,3}", fullmatch=True)
names = st.none() | st.text(max_size=50)


def test_the_signature_is_that_of_the_documented_text() -> None:
    text = b"files-signed-url-1\n3:PUT\n%d:%b\n13:%d\n9:video/mp4\n3:123\n-\n" % (len(KEY), KEY.encode(), NOW + 1000)
    signature = hmac.new(SECRET, text, hashlib.sha256).hexdigest()
    assert PUT.url == (
        f"https://files.example/base/blobs/{KEY}?method=PUT&expires={NOW + 1000}"
        f"&content_type=video%2Fmp4&size=123&signature={signature}"
    )
    assert PUT.headers == {"Content-Type": "video/mp4", "Content-Length": "123"}
    assert (PUT.protocol, GET.protocol, HEAD.protocol) == ("put", "get", "head")


def test_a_public_url_has_no_query() -> None:
    assert SIGNER.public_url(KEY) == f"https://files.example/base/blobs/{KEY}"


@pytest.mark.parametrize("signing_key", [b"", b"x", b"x" * 31])
def test_a_short_key_signs_nothing(signing_key: bytes) -> None:
    with pytest.raises(ValueError, match="32"):
        UrlSigner(signing_key, "")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("POST", {}),
        ("put", {"content_type": "a/b", "size": 1}),
        ("", {}),
        ("PUT", {}),
        ("PUT", {"content_type": "a/b"}),
        ("PUT", {"size": 1}),
        ("PUT", {"content_type": "a/b", "size": -1}),
        ("PUT", {"content_type": "a/b", "size": 10**18}),
        ("PUT", {"content_type": "a/b", "size": 1, "filename": "x"}),
        ("PUT", {"content_type": "", "size": 1}),
        ("PUT", {"content_type": " a/b", "size": 1}),
        ("PUT", {"content_type": "a/b\r\nX: y", "size": 1}),
        ("PUT", {"content_type": "a/é", "size": 1}),
        ("GET", {"size": 1}),
        ("HEAD", {"content_type": "a/b"}),
        ("GET", {"filename": "\ud800"}),
        ("GET", {"expires_at": -1}),
        ("GET", {"expires_at": 10**18}),
    ],
)
def test_what_makes_no_sense_is_not_signed(method: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        SIGNER.sign(method, KEY, **{"expires_at": NOW, **options})


def test_another_key_makes_another_signature() -> None:
    other = UrlSigner(SECRET[:-1] + b"x", "https://files.example/base/")
    for signed in SIGNED:
        with pytest.raises(InvalidSignature):
            other.verify(signed.method, KEY, parameters(signed.url), now=NOW)


@settings(deadline=None)
@given(key=keys, expires_at=st.integers(1, 10**15), content_type=st.from_regex(r"[!-~]{1,40}", fullmatch=True))
def test_every_signed_upload_is_granted(key: str, expires_at: int, content_type: str) -> None:
    size = expires_at * 7
    signed = SIGNER.sign("PUT", key, expires_at=expires_at, content_type=content_type, size=size)
    grant = SIGNER.verify("PUT", key, parameters(signed.url), now=expires_at - 1)
    assert grant == Grant(method="PUT", key=key, expires_at=expires_at, content_type=content_type, size=size)


@settings(deadline=None)
@given(first=st.tuples(keys, names), second=st.tuples(keys, names))
def test_no_two_downloads_share_a_signature(first: tuple[str, str | None], second: tuple[str, str | None]) -> None:
    assume(first != second)
    (key, filename), (other_key, other_filename) = first, second
    params = parameters(SIGNER.sign("GET", key, expires_at=NOW, filename=filename).url)
    params.popall("filename", None)
    if other_filename is not None:
        params["filename"] = other_filename
    with pytest.raises(InvalidSignature):
        SIGNER.verify("GET", other_key, params, now=0)


@settings(deadline=None)
@given(signed=st.sampled_from(SIGNED), data=st.data())
def test_no_url_with_an_altered_character_is_let_through(signed: Any, data: st.DataObject) -> None:
    start = len("https://files.example/base/blobs/")
    place = data.draw(st.integers(start, len(signed.url) - 1))
    altered = data.draw(
        st.sampled_from(["", *map(chr, range(128)), "é", "\u0661", "\ufeff"]), label="instead of the character"
    )
    url = signed.url[:place] + altered + signed.url[place + 1 :]
    assert_refused_unless_equal(signed, url)


@settings(deadline=None)
@given(signed=st.sampled_from(SIGNED), places=st.tuples(*[st.integers(33, 400)] * 2), data=st.data())
def test_no_url_with_a_piece_moved_or_cut_is_let_through(
    signed: Any, places: tuple[int, int], data: st.DataObject
) -> None:
    start, end = sorted(places)
    piece = signed.url[start:end]
    rest = signed.url[:start] + signed.url[end:]
    to = data.draw(st.integers(33, max(33, len(rest))))
    for url in (rest, rest[:to] + piece + rest[to:], signed.url[:to] + piece + signed.url[to:]):
        assert_refused_unless_equal(signed, url)


@settings(deadline=None)
@given(
    signed=st.sampled_from(SIGNED),
    params=st.dictionaries(
        st.sampled_from(["method", "expires", "content_type", "size", "filename", "signature", "x"]), st.text()
    ),
)
def test_no_other_parameters_are_let_through(signed: Any, params: dict[str, str]) -> None:
    altered = {**parameters(signed.url), **params}
    assume(altered != dict(parameters(signed.url)))
    for method in ("PUT", "GET", "HEAD"):
        with pytest.raises(InvalidSignature):
            SIGNER.verify(method, KEY, altered, now=NOW)


def assert_refused_unless_equal(signed: Any, url: str) -> None:
    """Another spelling of the same request ("%2f" for "%2F") is the same request; everything else is refused."""
    try:
        parts = urlsplit(url)
        key, params = parts.path.removeprefix("/base/blobs/"), parameters(url)
    except ValueError:
        return
    original = parameters(signed.url)
    if key == KEY and sorted(params.items()) == sorted(original.items()):
        return
    with pytest.raises(InvalidSignature):
        SIGNER.verify(signed.method, key, params, now=NOW)
