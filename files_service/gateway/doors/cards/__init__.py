"""The door of memory cards: ``/api/cards``, ``/api/card-sessions`` and ``/api/files/known``."""
