"""Suffixes of pictures, clips and sound, as cameras and recorders write them.

A list of our own: that of the system differs from machine to machine, and lacks most formats of cameras.
"""

from __future__ import annotations

from files_service.domain.clips.member import suffix

_CLIPS = (
    *("mp4", "m4v", "mov", "qt", "avi", "mkv", "webm", "mpg", "mpeg", "m2v", "3gp", "3g2", "wmv", "asf", "flv", "ogv"),
    *("mts", "m2ts", "m2t", "ts", "mod", "tod", "vob", "dv", "mxf", "r3d", "braw", "crm", "rmf", "cine", "ari", "arx"),
    *("insv", "360", "lrv", "lrf", "mlv"),
)
_PICTURES = (
    *("jpg", "jpeg", "jpe", "png", "gif", "bmp", "webp", "tif", "tiff", "heic", "heif", "hif", "avif", "jxl", "jp2"),
    *("dng", "gpr", "insp", "mpo", "dpx", "exr", "raw", "cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "raf"),
    *("orf", "ori", "rw2", "rwl", "pef", "srw", "x3f", "3fr", "fff", "iiq", "mos", "mef", "mrw", "erf", "kdc", "dcr"),
)
_SOUND = ("wav", "bwf", "rf64", "mp3", "m4a", "aac", "flac", "aif", "aiff", "ogg", "oga", "opus", "wma", "amr")
_MEDIA = frozenset((*_CLIPS, *_PICTURES, *_SOUND))


def is_media(name: str) -> bool:
    """Return True when the suffix of a name is that of a picture, a clip or a sound."""
    return "." in name and suffix(name).lower() in _MEDIA
