"""The subprocess that opens one file of unknown bytes: facts, time and previews. It imports nothing else of ours.

Everything here runs confined: see ``confinement``. Its parent is ``files_service.services.media.extractor``.
"""
