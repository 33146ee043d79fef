"""What signed URLs must do, and must not let through."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from multidict import MultiDict

from storage_adapters import (
    BlobStore,
    Grant,
    InvalidKey,
    InvalidSignature,
    SignedUrl,
    SupportsSignedUrls,
    VerifiesSignedUrls,
)
from tests.contract.blob_scenes import KEY, NOW, REFUSED_KEYS


class SigningStore(BlobStore, SupportsSignedUrls):
    """A store under ``SignedUrlsContract``."""


class VerifyingStore(BlobStore, SupportsSignedUrls, VerifiesSignedUrls):
    """A store under ``VerifiedUrlsContract``."""


def parameters(url: str) -> MultiDict[str]:
    return MultiDict(parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True))


def verify(store: VerifyingStore, method: str, signed: SignedUrl, now: int = NOW) -> Grant:
    return store.verify(method, KEY, parameters(signed.url), now=now)


class SignedUrlsContract:
    """``SupportsSignedUrls``."""

    def test_a_signed_request_says_how_it_is_to_be_made(self, store: SigningStore) -> None:
        signed = store.sign("PUT", KEY, expires_at=NOW + 1000, content_type="video/mp4", size=12)
        assert (signed.method, signed.expires_at) == ("PUT", NOW + 1000)
        assert signed.headers["Content-Type"] == "video/mp4"
        assert KEY in urlsplit(signed.url).path

    def test_a_download_needs_no_headers(self, store: SigningStore) -> None:
        for method in ("GET", "HEAD"):
            signed = store.sign(method, KEY, expires_at=NOW + 1000)
            assert (signed.method, signed.headers) == (method, {})

    def test_different_requests_have_different_urls(self, store: SigningStore) -> None:
        urls = {
            store.sign("GET", KEY, expires_at=NOW + 1000).url,
            store.sign("GET", KEY, expires_at=NOW + 2000).url,
            store.sign("GET", "other", expires_at=NOW + 1000).url,
            store.sign("GET", KEY, expires_at=NOW + 1000, filename="a.txt").url,
            store.sign("HEAD", KEY, expires_at=NOW + 1000).url,
            store.sign("PUT", KEY, expires_at=NOW + 1000, content_type="a/b", size=1).url,
            store.sign("PUT", KEY, expires_at=NOW + 1000, content_type="a/b", size=2).url,
        }
        assert len(urls) == 7

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_no_other_key_is_signed(self, store: SigningStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            store.sign("GET", key, expires_at=NOW + 1000)

    @pytest.mark.parametrize(
        ("method", "terms"),
        [
            ("DELETE", {}),
            ("PUT", {}),
            ("PUT", {"content_type": "a/b"}),
            ("PUT", {"content_type": "a/b", "size": 1, "filename": "a"}),
            ("PUT", {"content_type": "a/b", "size": 1, "epoch": 1}),
            ("GET", {"size": 1}),
            ("HEAD", {"content_type": "a/b"}),
        ],
    )
    def test_terms_that_do_not_go_together_are_refused(self, store: SigningStore, method: str, terms: Any) -> None:
        with pytest.raises(ValueError, match=method):
            store.sign(method, KEY, expires_at=NOW + 1000, **terms)


class VerifiedUrlsContract:
    """``VerifiesSignedUrls``, of a store that signs."""

    def test_the_epoch_of_access_comes_back_and_cannot_be_altered(self, store: VerifyingStore) -> None:
        assert verify(store, "GET", store.sign("GET", KEY, expires_at=NOW + 1000)).epoch == 0
        signed = store.sign("GET", KEY, expires_at=NOW + 1000, epoch=3)
        assert verify(store, "HEAD", signed).epoch == 3
        for altered in ("4", "0", "03", None):
            params = parameters(signed.url)
            del params["epoch"]
            if altered is not None:
                params["epoch"] = altered
            with pytest.raises(InvalidSignature):
                store.verify("GET", KEY, params, now=NOW)

    def test_an_upload_is_granted_as_it_was_signed(self, store: VerifyingStore) -> None:
        signed = store.sign("PUT", KEY, expires_at=NOW + 1000, content_type="text/plain; charset=utf-8", size=0)
        assert verify(store, "PUT", signed) == Grant(
            method="PUT", key=KEY, expires_at=NOW + 1000, content_type="text/plain; charset=utf-8", size=0
        )

    @pytest.mark.parametrize("filename", [None, "", "a.mp4", 'r&d=1?#"%2F\r\n.txt', "Übung 1 🎬.mov", "../../x"])
    def test_a_download_is_granted_with_the_name_of_the_attachment(
        self, store: VerifyingStore, filename: str | None
    ) -> None:
        signed = store.sign("GET", KEY, expires_at=NOW + 1000, filename=filename)
        assert verify(store, "GET", signed) == Grant(method="GET", key=KEY, expires_at=NOW + 1000, filename=filename)

    @pytest.mark.parametrize(
        ("signed_for", "admitted"), [("PUT", {"PUT"}), ("GET", {"GET", "HEAD"}), ("HEAD", {"HEAD"})]
    )
    def test_a_url_admits_its_method_and_that_of_get_head_too(
        self, store: VerifyingStore, signed_for: str, admitted: set[str]
    ) -> None:
        extra: dict[str, object] = {"content_type": "a/b", "size": 1} if signed_for == "PUT" else {}
        signed = store.sign(signed_for, KEY, expires_at=NOW + 1000, **extra)  # type: ignore[arg-type]
        for method in ("PUT", "GET", "HEAD", "POST", "DELETE", "OPTIONS", "get", ""):
            if method in admitted:
                assert verify(store, method, signed).method == signed_for
            else:
                with pytest.raises(InvalidSignature):
                    verify(store, method, signed)

    def test_a_url_is_good_until_it_expires_and_not_at_that_moment(self, store: VerifyingStore) -> None:
        signed = store.sign("GET", KEY, expires_at=NOW + 1000)
        assert verify(store, "GET", signed, now=NOW + 999)
        for now in (NOW + 1000, NOW + 1001, NOW * 2):
            with pytest.raises(InvalidSignature, match="expired"):
                verify(store, "GET", signed, now=now)

    def test_a_url_is_good_for_its_key_alone(self, store: VerifyingStore) -> None:
        params = parameters(store.sign("GET", KEY, expires_at=NOW + 1000).url)
        for key in ("other", KEY + "/x", KEY[:-1], "x/" + KEY, KEY.upper(), *REFUSED_KEYS):
            with pytest.raises(InvalidSignature):
                store.verify("GET", key, params, now=NOW)

    def test_nothing_may_be_left_out(self, store: VerifyingStore) -> None:
        for signed in (
            store.sign("PUT", KEY, expires_at=NOW + 1000, content_type="a/b", size=1),
            store.sign("GET", KEY, expires_at=NOW + 1000, filename="a"),
        ):
            for name in parameters(signed.url):
                params = parameters(signed.url)
                del params[name]
                with pytest.raises(InvalidSignature):
                    store.verify(signed.method, KEY, params, now=NOW)
        with pytest.raises(InvalidSignature):
            store.verify("GET", KEY, {}, now=NOW)

    def test_nothing_may_be_added_or_repeated(self, store: VerifyingStore) -> None:
        signed = store.sign("GET", KEY, expires_at=NOW + 1000)
        params = parameters(signed.url)
        for name in ("filename", "size", "content_type", "x", "", "Signature", *params):
            more = parameters(signed.url)
            more.add(name, params.get(name, "1"))
            with pytest.raises(InvalidSignature):
                store.verify("GET", KEY, more, now=NOW)

    def test_no_value_may_be_altered(self, store: VerifyingStore) -> None:
        for signed in (
            store.sign("PUT", KEY, expires_at=NOW + 1000, content_type="a/b", size=1),
            store.sign("GET", KEY, expires_at=NOW + 1000, filename="a"),
        ):
            for name, value in parameters(signed.url).items():
                for other in ("", "1", "0" + value, value + " ", "+" + value, value + "\0", value.upper(), "\ud800"):
                    params = parameters(signed.url)
                    params[name] = other
                    if other != value:
                        with pytest.raises(InvalidSignature):
                            store.verify(signed.method, KEY, params, now=NOW)
