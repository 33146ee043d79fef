"""The chunk store over ``BlobStore`` and the uploads that fill it. Imports no transport."""

# Actions use chunks and chunks use actions: whichever is asked for first, the actions begin.
import files_service.actions  # noqa: F401
