"""Rules for names that cameras, phones and drones give to files, whatever folder they are in."""

from __future__ import annotations

import re

from files_service.domain.clips.member import Member, Role, by_stem, parent_and_last, role_of, stem, within

_GOPRO = re.compile(r"G(?P<kind>[XHSLPG])(?P<chapter>\d\d)(?P<clip>\d{4})\.\w+", re.I)
_GOPRO_FIRST = re.compile(r"GOPR(?P<clip>\d{4})\.\w+", re.I)
_GOPRO_LOOP = re.compile(r"G(?P<kind>[XHL])(?P<loop>[A-Z]{2})(?P<number>\d{4})\.(MP4|LRV|THM)", re.I)
_GOPRO_GROUP = re.compile(r"G(?P<group>\d{3})(?P<number>\d{4})\.(JPG|GPR)", re.I)
_GOPRO_EYES = re.compile(r"3D_[LR](?P<clip>\d{4})\.\w+", re.I)
_INSTA = re.compile(
    r"(?P<kind>VID|LRV|PRO_VID|PRO_LRV|IMG)_(?P<clip>\d{8}_\d{6})_(?P<lens>\d\d)_(?P<part>\d{3})\.\w+", re.I
)
_DJI = re.compile(r"DJI_(?P<shot>\d{14}_\d{4})_[A-Z](?:_\w+)?\.\w+", re.I)
_DJI_SCREEN = re.compile(r"DJI_\d{4}\.(THM|SCR)", re.I)
_DJI_SERIES = re.compile(r"\d{3}_\d{4}")
_DJI_FRAME = re.compile(r"DJI_(?P<number>\d{4})\.\w+", re.I)
_APPLE_EDIT = re.compile(r"IMG_[EO](?P<number>\d{4})\.\w+", re.I)
_PROXY_SUFFIX = re.compile(r"(?P<clip>.+)_Proxy\.\w+", re.I)
_APPENDED = re.compile(r"(?P<stem>.+)\.\w{2,4}\.(XMP|PP3|DOP)", re.I)


def gopro(folder: str, name: str) -> Member | None:
    """Place chapters, proxies, loops, bursts and both eyes of a GoPro.

    ``GX020123`` is chapter 2 of clip 0123; ``GOPR0123`` comes before ``GP010123``; ``GL`` are proxies; ``GHAA0002`` is
    the second file of loop AA; ``G0231111.JPG`` is of burst or time lapse 023.
    Source: GoPro, "GoPro Camera File Naming Convention", support hub, HD HERO2 to HERO11 and MAX.
    """
    if found := _GOPRO.fullmatch(name):
        role = role_of(name)
        if found["kind"].upper() == "L" and role is Role.MAIN:
            role = Role.PROXY
        # Chapter 0 of the older names is GOPRnnnn.
        return Member(within(folder, f"GoPro {found['clip']}"), int(found["chapter"]), role)
    if found := _GOPRO_FIRST.fullmatch(name) or _GOPRO_EYES.fullmatch(name):
        return Member(within(folder, f"GoPro {found['clip']}"), 0, role_of(name))
    if found := _GOPRO_LOOP.fullmatch(name):
        return Member(within(folder, f"GoPro loop {found['loop'].upper()}"), int(found["number"]), role_of(name))
    if found := _GOPRO_GROUP.fullmatch(name):
        return Member(within(folder, f"GoPro group {found['group']}"), int(found["number"]), role_of(name))
    return None


def dji(folder: str, name: str) -> Member | None:
    """Place the lenses of one shot, the frames of panoramas and hyperlapses, and the previews of a DJI drone.

    ``DJI_20240101120000_0001_W.JPG`` and ``_T.JPG`` are one shot; ``DCIM/PANORAMA/100_0007`` is one panorama;
    ``MISC/THM/100/DJI_0001.THM`` shows ``DCIM/100MEDIA/DJI_0001.MP4``. Parts of a long recording have numbers of their
    own, which say nothing of each other: they stay clips of their own.
    Source: DJI, user manuals of Mavic 3 Enterprise and Mini 2, "Photo storage"; cards of both.
    """
    if found := _DJI.fullmatch(name):
        return Member(within(folder, f"DJI_{found['shot']}"), 0, role_of(name))
    parent, last = parent_and_last(folder)
    if _DJI_SCREEN.fullmatch(name) and parent.upper().endswith("MISC/THM") and re.fullmatch(r"\d{3}", last):
        root = parent[: -len("MISC/THM")]
        return Member(f"{root}DCIM/{last}MEDIA/{stem(name)}", 0, Role.SIDECAR)
    found = _DJI_FRAME.fullmatch(name)
    if found and _DJI_SERIES.fullmatch(last) and parent_and_last(parent)[1] in ("PANORAMA", "HYPERLAPSE"):
        return Member(folder, int(found["number"]), role_of(name))
    return None


def insta360(folder: str, name: str) -> Member | None:
    """Place both lenses, the proxy and the parts of an Insta360 recording.

    ``VID_20240101_120000_00_001`` and ``_10_001`` are the lenses of part 1; ``LRV_…_01_001`` is its proxy.
    Source: Insta360, support, "File naming" of ONE X2 and ONE RS.
    """
    found = _INSTA.fullmatch(name)
    if not found:
        return None
    is_proxy = "LRV" in found["kind"].upper()
    return Member(within(folder, found["clip"]), int(found["part"]), Role.PROXY if is_proxy else role_of(name))


def apple(folder: str, name: str) -> Member | None:
    """Place the edited picture or clip of an iPhone beside its original.

    ``IMG_E0001.JPG`` is the edited ``IMG_0001.HEIC``; ``IMG_O0001.AAE`` keeps what was undone.
    Source: Apple, Photos on iPhone, contents of ``DCIM/nnnAPPLE`` by Image Capture.
    """
    found = _APPLE_EDIT.fullmatch(name)
    return Member(within(folder, f"IMG_{found['number']}"), 0, role_of(name)) if found else None


def proxy_folder(folder: str, name: str) -> Member | None:
    """Place the files of a folder ``Proxy`` beside those of the same name above it.

    Source: Blackmagic Design, manuals of Camera 7.9 and of Proxy Generator: proxies go into a subfolder "Proxy".
    """
    parent, last = parent_and_last(folder)
    return Member(within(parent, stem(name)), 0, Role.PROXY) if last == "PROXY" else None


def proxy_suffix(folder: str, name: str) -> Member | None:
    """Place ``…_Proxy.MP4`` beside its clip.

    Source: Canon, manual of EOS C80, "Setting the File Name for Recordings", component 11 of the name.
    """
    found = _PROXY_SUFFIX.fullmatch(name)
    return Member(within(folder, found["clip"]), 0, Role.PROXY) if found else None


def appended_sidecar(folder: str, name: str) -> Member | None:
    """Place ``A.CR3.xmp`` beside ``A.CR3``; other programs write ``A.xmp``, which has the stem already.

    Source: darktable user manual, "Sidecar files"; RawTherapee (``.pp3``) and DxO PhotoLab (``.dop``) do the same.
    """
    found = _APPENDED.fullmatch(name)
    return Member(by_stem(folder, f"{found['stem']}.x").clip, 0, Role.SIDECAR) if found else None
