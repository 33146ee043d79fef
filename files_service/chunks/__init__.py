"""The chunk store over ``BlobStore`` and the uploads that fill it. Imports no transport."""
