"""Clips and sound: facts, times, poster and hover preview, by PyAV."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar, cast

import av
from av.container import InputContainer
from av.stream import Discard, Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from files_service.services.media.extraction import apple, tone_mapping, webp
from files_service.services.media.extraction.channel import Channel, RangeFile
from files_service.services.media.extraction.gpmf import first_gps_time
from files_service.services.media.extraction.times import text_time, told

# Formats whose files are whole in themselves: none names other files or addresses.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,asf,flv,mxf,dv,h264,hevc,"
    "ogg,mp3,flac,wav,aac,ac3,aiff,amr,caf"
)
_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "pipe"}
FRAMES, STREAM_FRAMES = 10, 3
# Packets looked at for a time or a picture, so that no file keeps the process busy without end.
_MOST_PACKETS, _MOST_GPS_PACKETS = 400, 30
_POSTER_SECONDS = 3.0
_STREAMED = frozenset({"mpegts", "mpeg"})
_MAX_TEXT = 100
_CREATED = ("com.apple.quicktime.creationdate", "date")
JSON = dict[str, Any]
S = TypeVar("S", bound=Stream)


def load() -> None:
    """Load what the library would load when it meets a stream of some kind, before the process is sealed."""
    webp.load()
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    av.logging.set_level(None)


def extract(channel: Channel, file: RangeFile, proxy: RangeFile | None, *, pictures: bool) -> None:
    """Tell what a clip says of itself, then send poster, thumbnails and hover preview."""
    with _opened(file) as container:
        channel.facts(_facts(container))
        channel.facts({"times": list(_times(container))})
        if not pictures or not _videos(container):
            return
        video = _decodable(_videos(container))
        poster = _poster(container, video) if video is not None else None
        if video is not None and poster is not None:
            channel.facts(_facts_of_frame(video, poster))
            image = _picture(poster, video, max(webp.SIZES))
            channel.picture("poster", webp.encoded(image))
            for kind, data in webp.thumbnails(image, webp.SIZES[:2]):
                channel.picture(kind, data)
        if proxy is None:
            _send_hover(channel, container)
    if proxy is not None:
        with _opened(proxy) as container:
            _send_hover(channel, container)


@contextmanager
def _opened(file: RangeFile) -> Iterator[InputContainer]:
    with av.open(cast(Any, file), options=_OPTIONS, metadata_errors="replace") as container:
        for video in container.streams.video:
            if _decodable((video,)) is not None:
                video.codec_context.skip_frame = "NONKEY"
                video.codec_context.thread_count = 1
        yield container


def _videos(container: InputContainer) -> list[VideoStream]:
    """Return the streams of moving pictures: the cover of an album is none."""
    return [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]


def _decodable(streams: Iterable[S]) -> S | None:
    """Return the first stream that the library can decode: raw formats of some cameras are unknown to it."""
    return next((each for each in streams if cast(Any, each).codec_context is not None), None)


def _facts(container: InputContainer) -> JSON:
    video = _decodable(_videos(container))
    audio = _decodable(container.streams.audio)
    facts: JSON = {"kind": "clip" if _videos(container) else "sound"}
    facts["format"] = container.format.name.split(",")[0]
    if container.duration is not None and container.duration > 0:
        facts["duration_ms"] = container.duration // 1000
    if video is not None:
        width, height = _shown_size(video)
        codec = video.codec_context.codec.canonical_name
        facts |= {"width": width, "height": height, "codec": codec, "bit_depth": _depth(video)}
        if video.average_rate:
            facts["frames_per_second"] = round(float(video.average_rate), 3)
        if transfer := tone_mapping.transfer_of(video.codec_context.color_trc):
            facts["hdr"] = transfer
    if audio is not None:
        facts["audio_codec"] = audio.codec_context.codec.canonical_name
        facts["sample_rate"] = audio.codec_context.sample_rate
    return {**facts, **_origin(container)}


def _depth(video: VideoStream) -> int | None:
    pixel = video.codec_context.format
    return pixel.components[0].bits if pixel is not None and pixel.components else None


def _shown_size(video: VideoStream) -> tuple[int, int]:
    """Return the size in square pixels, before any rotation."""
    context, ratio = video.codec_context, video.sample_aspect_ratio
    factor = float(ratio) if ratio and 0.2 < ratio < 5 else 1.0
    return max(1, round(context.width * factor)), context.height


def _origin(container: InputContainer) -> JSON:
    """Return the camera, and the identifier that the picture of a Live Photo has, too."""
    tags = {name.lower(): value for name, value in container.metadata.items()}
    make = tags.get("com.apple.quicktime.make") or tags.get("make") or ""
    model = tags.get("com.apple.quicktime.model") or tags.get("model") or ""
    handlers = [stream.metadata.get("handler_name", "") for stream in container.streams]
    if not make and any("gopro" in each.lower() for each in handlers):
        make = "GoPro"
    found = {"camera_make": make.strip()[:_MAX_TEXT], "camera_model": model.strip()[:_MAX_TEXT]}
    found["content_identifier"] = apple.plain(tags.get(apple.QUICKTIME_KEY, "")) or ""
    return {name: value for name, value in found.items() if value}


def _times(container: InputContainer) -> Iterator[JSON]:
    for name in _CREATED:
        if found := text_time("quicktime", "container_local", container.metadata.get(name, "")):
            yield found
            break
    if found := text_time("container", "container", _creation_time(container)):
        yield {**found, "offset_minutes": None}
    # A track of its own, which may be broken where the clip is not.
    with suppress(Exception):
        if found := _gps_time(container):
            yield found


def _creation_time(container: InputContainer) -> str:
    tagged = [container.metadata, *(stream.metadata for stream in container.streams)]
    return next((tags["creation_time"] for tags in tagged if tags.get("creation_time")), "")


def _gps_time(container: InputContainer) -> JSON | None:
    """Return the first time that the GPMF track tells, moved back to the beginning of the clip."""
    track = next((stream for stream in container.streams if _is_gpmf(stream)), None)
    if track is None:
        return None
    _leave_out_all_but(container, track)
    for number, packet in enumerate(container.demux(track)):
        moment = first_gps_time(bytes(packet))
        if moment is not None:
            since = float(packet.pts * packet.time_base) if packet.pts is not None and packet.time_base else 0.0
            return told("gps", moment - timedelta(seconds=max(0.0, since)))
        if number >= _MOST_GPS_PACKETS:
            break
    return None


def _leave_out_all_but(container: InputContainer, wanted: Stream) -> None:
    """Let the reader skip the bytes of all other streams."""
    for stream in container.streams:
        stream.discard = Discard.default if stream is wanted else Discard.all


def _is_gpmf(stream: Any) -> bool:
    return stream.type == "data" and "gopro met" in stream.metadata.get("handler_name", "").lower()


def _poster(container: InputContainer, video: VideoStream) -> VideoFrame | None:
    """Return a key frame near the beginning that is not the very first, where the clip is long enough."""
    length = (container.duration or 0) / av.time_base
    start = (container.start_time or 0) / av.time_base
    wanted = start + min(_POSTER_SECONDS, length / 10)
    return _key_frame(container, video, wanted) or _key_frame(container, video, start)


def _key_frame(container: InputContainer, video: VideoStream, seconds: float) -> VideoFrame | None:
    """Return the key frame before a time, or the first one after it."""
    _leave_out_all_but(container, video)
    with suppress(av.FFmpegError):
        container.seek(int(seconds * av.time_base))
    with suppress(av.FFmpegError, StopIteration, EOFError):
        for number, packet in enumerate(container.demux(video)):
            for frame in packet.decode():
                if isinstance(frame, VideoFrame):
                    return frame
            if number >= _MOST_PACKETS:
                break
    return None


def _facts_of_frame(video: VideoStream, frame: VideoFrame) -> JSON:
    """Return what only a frame tells: its rotation, and the size with it."""
    width, height = _shown_size(video)
    rotation = _clockwise(frame)
    if rotation % 180:
        width, height = height, width
    facts: JSON = {"width": width, "height": height, "rotation": rotation}
    transfer = tone_mapping.transfer_of(frame.color_trc)
    return {**facts, "hdr": transfer} if transfer else facts


def _clockwise(frame: VideoFrame) -> int:
    """Return the quarter turns, in degrees clockwise, by which the frame is to be shown."""
    return round(-frame.rotation / 90) % 4 * 90


def _picture(frame: VideoFrame, video: VideoStream, size: int) -> Image.Image:
    """Return the frame as it is to be seen, with a longest side of at most ``size``."""
    width, height = _shown_size(video)
    if frame.width != video.codec_context.width or frame.height != video.codec_context.height:
        width, height = frame.width, frame.height
    share = min(1.0, size / max(width, height))
    image: Image.Image = frame.to_image(  # type: ignore[no-untyped-call]
        width=max(2, round(width * share)), height=max(2, round(height * share)), interpolation="AREA"
    )
    transfer = tone_mapping.transfer_of(frame.color_trc)
    if transfer is not None:
        image = tone_mapping.mapped(image, transfer)
    turns = _clockwise(frame)
    return image.rotate(-turns, expand=True) if turns else image


def _send_hover(channel: Channel, container: InputContainer) -> None:
    video = _decodable(_videos(container))
    if video is None or not container.duration:
        return
    count = STREAM_FRAMES if container.format.name in _STREAMED else FRAMES
    length, start = container.duration / av.time_base, (container.start_time or 0) / av.time_base
    images: dict[int | None, Image.Image] = {}
    for number in range(count):
        frame = _key_frame(container, video, start + length * (number + 0.5) / count)
        if frame is not None and frame.pts not in images:
            images[frame.pts] = _picture(frame, video, webp.HOVER_WIDTH)
    data = webp.animation(list(images.values())) if len(images) > 1 else None
    if data is not None:
        channel.picture("hover", data)
