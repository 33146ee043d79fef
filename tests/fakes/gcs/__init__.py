"""A Google Cloud Storage that checks what a real one checks, with Pub/Sub behind it; on a loopback port, in threads.

Written from Google's documentation, and from nothing of ours: what signs a URL in the product is judged here by other
code. It knows the JSON API (uploads simple, multipart and resumable; get, list, delete, rewrite, compose, buckets,
access control, notification configurations, batches), the XML API (signed requests, sessions, CORS), tokens, signBlob,
and of Pub/Sub topics, subscriptions, pull and push. What it leaves out: versions, holds, retention, customer keys.

An upload in chunks keeps only whole steps of 256 KiB until its last byte, so a client that believes to have sent more
than was stored is found out. ``FakeGcs.faults`` cuts connections and loses answers.
"""

from tests.fakes.gcs.server import FakeGcs

__all__ = ["FakeGcs"]
