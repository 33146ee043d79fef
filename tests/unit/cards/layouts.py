"""Cards as cameras leave them: their files by clip, each as ``role chapter path``."""

from __future__ import annotations

Layout = dict[str, tuple[str, ...]]

XAVC_S: Layout = {
    "PRIVATE/M4ROOT/C0001": (
        "main 0 PRIVATE/M4ROOT/CLIP/C0001.MP4",
        "proxy 0 PRIVATE/M4ROOT/SUB/C0001S03.MP4",
        "sidecar 0 PRIVATE/M4ROOT/CLIP/C0001M01.XML",
        "sidecar 0 PRIVATE/M4ROOT/THMBNL/C0001T01.JPG",
    ),
    "PRIVATE/M4ROOT/C0002": ("main 0 PRIVATE/M4ROOT/CLIP/C0002.MP4",),
    "PRIVATE/M4ROOT/MEDIAPRO": ("sidecar 0 PRIVATE/M4ROOT/MEDIAPRO.XML",),
    "DCIM/100MSDCF/DSC00001": ("main 0 DCIM/100MSDCF/DSC00001.ARW", "main 0 DCIM/100MSDCF/DSC00001.JPG"),
}
XAVC: Layout = {
    "XDROOT/A001C001_240101AB": (
        "main 0 XDROOT/Clip/A001C001_240101AB.MXF",
        "proxy 0 XDROOT/Sub/A001C001_240101ABS01.MP4",
        "sidecar 0 XDROOT/Clip/A001C001_240101ABM01.XML",
        "sidecar 0 XDROOT/Clip/A001C001_240101ABR01.BIM",
        "sidecar 0 XDROOT/Local/A001C001_240101ABC01.SMI",
        "sidecar 0 XDROOT/Local/A001C001_240101ABI01.PPN",
        "sidecar 0 XDROOT/Thmbnl/A001C001_240101ABT01.JPG",
    ),
    # Its name ends like that of a description; the suffix tells that it is a clip.
    "XDROOT/TakeM01": ("main 0 XDROOT/Clip/TakeM01.MXF", "sidecar 0 XDROOT/Clip/TakeM01M01.XML"),
}
XDCAM_DISC: Layout = {
    "C0012": (
        "main 0 Clip/C0012.MXF",
        "proxy 0 Sub/C0012S01.MXF",
        "sidecar 0 Clip/C0012M01.XML",
        "sidecar 0 Clip/C0012M02.KLV",
    ),
}
XDCAM_EX: Layout = {
    "BPAV/709_001": (
        "sidecar 0 BPAV/TAKR/709_001/709_001.SMI",
        "sidecar 0 BPAV/TAKR/709_001/709_001M01.XML",
        "main 1 BPAV/CLPR/709_001_01/709_001_01.MP4",
        "sidecar 1 BPAV/CLPR/709_001_01/709_001_01.SMI",
        "sidecar 1 BPAV/CLPR/709_001_01/709_001_01I01.PPN",
        "sidecar 1 BPAV/CLPR/709_001_01/709_001_01M01.XML",
        "sidecar 1 BPAV/CLPR/709_001_01/709_001_01R01.BIM",
        "main 2 BPAV/CLPR/709_001_02/709_001_02.MP4",
    ),
    "BPAV/709_002": ("main 1 BPAV/CLPR/709_002_01/709_002_01.MP4",),
}
P2: Layout = {
    "CONTENTS/0001AB": (
        "main 0 CONTENTS/AUDIO/0001AB00.MXF",
        "main 0 CONTENTS/AUDIO/0001AB01.MXF",
        "main 0 CONTENTS/VIDEO/0001AB.MXF",
        "proxy 0 CONTENTS/PROXY/0001AB.MP4",
        "sidecar 0 CONTENTS/CLIP/0001AB.XML",
        "sidecar 0 CONTENTS/ICON/0001AB.BMP",
        "sidecar 0 CONTENTS/VOICE/0001AB00.WAV",
    ),
    "CONTENTS/0002CD": ("main 0 CONTENTS/VIDEO/0002CD.MXF", "sidecar 0 CONTENTS/CLIP/0002CD.XML"),
}
AVCHD: Layout = {
    "PRIVATE/AVCHD/BDMV/00001": (
        "main 0 PRIVATE/AVCHD/BDMV/STREAM/00001.MTS",
        "sidecar 0 PRIVATE/AVCHD/BDMV/CLIPINF/00001.CPI",
    ),
    # A playlist has numbers of its own.
    "PRIVATE/AVCHD/BDMV/PLAYLIST/00001": ("sidecar 0 PRIVATE/AVCHD/BDMV/PLAYLIST/00001.MPL",),
    "BDMV/00002": ("main 0 BDMV/STREAM/00002.m2ts", "sidecar 0 BDMV/CLIPINF/00002.clpi"),
}
CANON_XF: Layout = {
    "CONTENTS/CLIPS001/AA0001": (
        "sidecar 0 CONTENTS/CLIPS001/AA0001/AA0001.SIF",
        "main 1 CONTENTS/CLIPS001/AA0001/AA000101.MXF",
        "sidecar 1 CONTENTS/CLIPS001/AA0001/AA000101.CIF",
        "sidecar 1 CONTENTS/CLIPS001/AA0001/AA000101.XMF",
        "main 2 CONTENTS/CLIPS001/AA0001/AA000102.MXF",
    ),
    "CONTENTS/CLIPS001/AA0002": ("main 1 CONTENTS/CLIPS001/AA0002/AA000201.MXF",),
}
CANON_XF_AVC: Layout = {
    "CONTENTS/CLIPS001/A001C001_240101AB_CANON": (
        "sidecar 0 CONTENTS/CLIPS001/A001C001_240101AB_CANON.XML",
        "main 1 CONTENTS/CLIPS001/A001C001_240101AB_CANON_01.MXF",
        "main 2 CONTENTS/CLIPS001/A001C001_240101AB_CANON_02.MXF",
    ),
    "CONTENTS/CLIPS001/A_0001C002X240101_120000XX_CANON": (
        "main 1 CONTENTS/CLIPS001/A_0001C002X240101_120000XX_CANON_001.MXF",
        "proxy 1 CONTENTS/CLIPS001/A_0001C002X240101_120000XX_CANON_001_Proxy.MP4",
    ),
}
CANON_PHOTOS: Layout = {
    "DCIM/100CANON/IMG_0001": (
        "main 0 DCIM/100CANON/IMG_0001.CR3",
        "main 0 DCIM/100CANON/IMG_0001.JPG",
        "sidecar 0 DCIM/100CANON/IMG_0001.CR3.xmp",
        "sidecar 0 DCIM/100CANON/IMG_0001.WAV",
        "sidecar 0 DCIM/100CANON/IMG_0001.xmp",
    ),
    "DCIM/100CANON/MVI_0002": ("main 0 DCIM/100CANON/MVI_0002.MP4", "sidecar 0 DCIM/100CANON/MVI_0002.THM"),
}
PANASONIC_PHOTOS: Layout = {
    "DCIM/100_PANA/P1000001": ("main 0 DCIM/100_PANA/P1000001.JPG", "main 0 DCIM/100_PANA/P1000001.RW2"),
    "DCIM/100_PANA/P1000002": ("main 0 DCIM/100_PANA/P1000002.MOV",),
}
DJI: Layout = {
    "DCIM/100MEDIA/DJI_0001": (
        "main 0 DCIM/100MEDIA/DJI_0001.MP4",
        "proxy 0 DCIM/100MEDIA/DJI_0001.LRF",
        "sidecar 0 DCIM/100MEDIA/DJI_0001.SRT",
        "sidecar 0 MISC/THM/100/DJI_0001.SCR",
        "sidecar 0 MISC/THM/100/DJI_0001.THM",
    ),
    "DCIM/100MEDIA/DJI_0002": ("main 0 DCIM/100MEDIA/DJI_0002.DNG", "main 0 DCIM/100MEDIA/DJI_0002.JPG"),
    "DCIM/PANORAMA/100_0003": (
        "main 1 DCIM/PANORAMA/100_0003/DJI_0001.JPG",
        "main 2 DCIM/PANORAMA/100_0003/DJI_0002.JPG",
    ),
    "DCIM/DJI_001/DJI_20240101120000_0004": (
        "main 0 DCIM/DJI_001/DJI_20240101120000_0004_T.JPG",
        "main 0 DCIM/DJI_001/DJI_20240101120000_0004_W.JPG",
    ),
}
GOPRO: Layout = {
    "DCIM/100GOPRO/GoPro 0124": (
        "main 1 DCIM/100GOPRO/GX010124.MP4",
        "proxy 1 DCIM/100GOPRO/GL010124.LRV",
        "sidecar 1 DCIM/100GOPRO/GX010124.THM",
        "main 2 DCIM/100GOPRO/GX020124.MP4",
    ),
    "DCIM/100GOPRO/GoPro 0001": ("main 0 DCIM/100GOPRO/GOPR0001.GPR", "main 0 DCIM/100GOPRO/GOPR0001.JPG"),
    "DCIM/100GOPRO/GoPro loop AA": (
        "main 1 DCIM/100GOPRO/GHAA0001.MP4",
        "proxy 1 DCIM/100GOPRO/GLAA0001.LRV",
        "main 2 DCIM/100GOPRO/GHAA0002.MP4",
    ),
    "DCIM/100GOPRO/GoPro group 023": (
        "main 1111 DCIM/100GOPRO/G0231111.JPG",
        "main 1112 DCIM/100GOPRO/G0231112.JPG",
    ),
    "DCIM/100GOPRO/GoPro 0002": ("main 0 DCIM/100GOPRO/3D_L0002.MP4", "main 0 DCIM/100GOPRO/3D_R0002.MP4"),
}
INSTA360: Layout = {
    "DCIM/Camera01/20240101_120000": (
        "main 1 DCIM/Camera01/VID_20240101_120000_00_001.insv",
        "main 1 DCIM/Camera01/VID_20240101_120000_10_001.insv",
        "proxy 1 DCIM/Camera01/LRV_20240101_120000_01_001.lrv",
        "main 2 DCIM/Camera01/VID_20240101_120000_00_002.insv",
    ),
}
RED: Layout = {
    "A001_0101AB.RDM/A001_C001_0101AB": (
        "main 1 A001_0101AB.RDM/A001_C001_0101AB.RDC/A001_C001_0101AB_001.R3D",
        "main 2 A001_0101AB.RDM/A001_C001_0101AB.RDC/A001_C001_0101AB_002.R3D",
        "proxy 0 A001_0101AB.RDM/A001_C001_0101AB.RDC/A001_C001_0101AB_H.mov",
        "sidecar 0 A001_0101AB.RDM/A001_C001_0101AB.RDC/A001_C001_0101AB.RMD",
    ),
}
BLACKMAGIC: Layout = {
    "A001_08151512_C001": (
        "main 0 A001_08151512_C001.braw",
        "proxy 0 Proxy/A001_08151512_C001.mp4",
        "sidecar 0 A001_08151512_C001.sidecar",
    ),
}
APPLE: Layout = {
    "DCIM/100APPLE/IMG_0001": (
        "main 0 DCIM/100APPLE/IMG_0001.HEIC",
        "motion 0 DCIM/100APPLE/IMG_0001.MOV",
        "main 0 DCIM/100APPLE/IMG_E0001.HEIC",
        "sidecar 0 DCIM/100APPLE/IMG_0001.AAE",
        "sidecar 0 DCIM/100APPLE/IMG_O0001.AAE",
    ),
    "DCIM/100APPLE/IMG_0002": ("main 0 DCIM/100APPLE/IMG_0002.MOV",),
}
LAYOUTS: dict[str, Layout] = {
    name: value for name, value in globals().items() if name.isupper() and isinstance(value, dict)
}
