"""Rules for structures of folders that spread one clip over several of them."""

from __future__ import annotations

import re

from files_service.domain.clips.member import Member, Role, parent_and_last, role_of, stem, suffix, top_of, within

# Letter between the name of the clip and a number of two digits, by folder and suffix.
_XDCAM = {
    ("CLIP", "XML"): "M",
    ("CLIP", "XMP"): "M",
    ("CLIP", "KLV"): "M",
    ("CLIP", "BIM"): "R",
    ("SUB", "MP4"): "S",
    ("SUB", "MXF"): "S",
    ("THMBNL", "JPG"): "T",
    ("LOCAL", "SMI"): "C",
    ("LOCAL", "PPN"): "I",
}
_XDCAM_ROOTS = ("M4ROOT", "XDROOT")
_BPAV_CLIP = re.compile(r"(?P<clip>.+_\d{3,4})_(?P<part>\d\d)")
_P2_ROLES = {
    "VIDEO": Role.MAIN,
    "AUDIO": Role.MAIN,
    "AVCLIP": Role.MAIN,
    "PROXY": Role.PROXY,
    "CLIP": Role.SIDECAR,
    "ICON": Role.SIDECAR,
    "VOICE": Role.SIDECAR,
}
_P2_NAME = 6
_CANON_FOLDER = re.compile(r"CLIPS\d{3}")
_CANON_REST = re.compile(r"_?(?P<part>\d{2,3})?(?P<proxy>_Proxy)?", re.I)
_CANON_XF_AVC = re.compile(
    r"(?P<clip>[A-Z][A-Z_]?\d{3,4}[CD]\d{3}\w*?)(?:_(?P<part>\d{2,3}))?(?P<proxy>_Proxy)?\.\w+", re.I
)
_RED_PART = re.compile(r".+_(?P<part>\d{3})\.(R3D|MXF|MOV)", re.I)
_RED_PROXY = re.compile(r".+_[FHMP]\.MOV", re.I)


def xdcam(folder: str, name: str) -> Member | None:
    """Place the files of XAVC S (``M4ROOT``), XAVC (``XDROOT``) and XDCAM discs of Sony.

    ``CLIP/C0001.MP4``, ``CLIP/C0001M01.XML``, ``SUB/C0001S03.MP4``, ``THMBNL/C0001T01.JPG``, ``CLIP/C0001R01.BIM``,
    ``LOCAL/C0001C01.SMI``.
    Source: ``MEDIAPRO.XML`` of such cards, which names the files of each clip; Adobe XMP Toolkit SDK,
    XDCAM_Handler and XDCAMFAM_Handler.
    """
    parent, last = parent_and_last(folder)
    root = next((top for each in _XDCAM_ROOTS if (top := top_of(folder, each))), None)
    # A disc has the folders at its top.
    is_disc = root is None and last in ("CLIP", "SUB", "LOCAL") and not parent
    if root is None and not is_disc:
        return None
    place = root if root is not None else parent
    letter = _XDCAM.get((last, suffix(name).upper()))
    if letter and (found := re.fullmatch(rf"(.+?){letter}\d\d", stem(name), re.I)):
        return Member(within(place, found[1]), 0, Role.PROXY if letter == "S" else Role.SIDECAR)
    return Member(within(place, stem(name)), 0, role_of(name)) if last == "CLIP" else None


def xdcam_ex(folder: str, name: str) -> Member | None:
    """Place the parts of a clip of XDCAM EX, and what describes it.

    ``BPAV/CLPR/709_001_02/709_001_02.MP4`` is part 2 of clip 709_001, ``BPAV/TAKR/709_001/709_001.SMI`` describes it.
    Source: Adobe XMP Toolkit SDK, XDCAMEX_Handler.
    """
    top, (parent, _) = top_of(folder, "BPAV"), parent_and_last(folder)
    kind, inside = parent_and_last(parent)[1], folder.rpartition("/")[2]
    if top is None or kind not in ("CLPR", "TAKR"):
        return None
    found = _BPAV_CLIP.fullmatch(inside)
    if kind == "TAKR" or found is None:
        return Member(within(top, inside), 0, role_of(name))
    return Member(within(top, found["clip"]), int(found["part"]), role_of(name))


def p2(folder: str, name: str) -> Member | None:
    """Place the essences of a P2 clip of Panasonic: its picture, up to 16 sounds, proxy, icon and notes.

    The first six characters name the clip: ``VIDEO/0001AB.MXF``, ``AUDIO/0001AB03.MXF``, ``CLIP/0001AB.XML``. Clips
    that go on in another one say so in the XML alone.
    Source: Adobe XMP Toolkit SDK, P2_Handler; Panasonic, "P2 file structure".
    """
    parent, last = parent_and_last(folder)
    role = _P2_ROLES.get(last)
    if role is None or parent_and_last(parent)[1] != "CONTENTS":
        return None
    described = role_of(name) is Role.SIDECAR
    return Member(within(parent, stem(name)[:_P2_NAME]), 0, Role.SIDECAR if described else role)


def canon_xf(folder: str, name: str) -> Member | None:
    """Place the parts of a clip in the formats XF and XF-AVC of Canon.

    ``CONTENTS/CLIPS001/AA0001/AA000102.MXF`` is part 2 of clip AA0001; in
    ``A001C001_240101AB_CANON_02.MXF`` the number is at the end, before ``_Proxy``.
    Source: Canon, manuals of XF305 and EOS C80, "Setting the File Name for Recordings"; premierepro.org, "Canon XF
    C300 XF305 Folder Structure and File Naming Explained".
    """
    segments = folder.split("/")
    number = next((each for each, segment in enumerate(segments) if _CANON_FOLDER.fullmatch(segment.upper())), None)
    if number is None:
        return None
    top, inside = "/".join(segments[: number + 1]), segments[number + 1 : number + 2]
    if inside and stem(name).startswith(inside[0]):
        clip, found = inside[0], _CANON_REST.fullmatch(stem(name)[len(inside[0]) :])
    else:
        found = _CANON_XF_AVC.fullmatch(name)
        clip = found["clip"] if found else stem(name)
    role = Role.PROXY if found and found["proxy"] else role_of(name)
    return Member(within(top, clip), int(found["part"] or 0) if found else 0, role)


def avchd(folder: str, name: str) -> Member | None:
    """Place the stream of an AVCHD clip beside its description.

    ``BDMV/STREAM/00001.MTS`` with ``BDMV/CLIPINF/00001.CPI``. A recording of several files is told by the playlists
    alone, not by names.
    Source: AVCHD format, "Directory structure"; Adobe XMP Toolkit SDK, AVCHD_Handler.
    """
    parent, last = parent_and_last(folder)
    if last not in ("STREAM", "CLIPINF") or not (parent_and_last(parent)[1] == "BDMV" or "AVCHD" in folder.upper()):
        return None
    return Member(within(parent, stem(name)), 0, role_of(name))


def red(folder: str, name: str) -> Member | None:
    """Place the parts of a clip of RED: all that is in a folder ``….RDC``.

    ``A001_C001_0101AB.RDC/A001_C001_0101AB_002.R3D`` is part 2; ``…_H.mov`` are proxies of RED ONE.
    Source: RED, REDCINE-X PRO Operation Guide, "R3D File Structure".
    """
    top, _, last = folder.rpartition("/")
    if not last.upper().endswith(".RDC"):
        return None
    part = _RED_PART.fullmatch(name)
    role = Role.PROXY if _RED_PROXY.fullmatch(name) else role_of(name)
    return Member(within(top, stem(last)), int(part["part"]) if part else 0, role)
