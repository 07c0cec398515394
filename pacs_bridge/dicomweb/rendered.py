"""One frame as a picture for people: window, viewport, JPEG or PNG (PS3.18 8.3.5)."""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pacs_bridge.dicomweb.problem import bad_request
from pacs_bridge.images.frames import Frames
from pacs_bridge.images.picture import Picture, picture_of
from pacs_bridge.images.voi import VoiFunction, Window, apply_window

JPEG, PNG = "image/jpeg", "image/png"
MAX_SIDE = 8192
THUMBNAIL_SIDE = 200
_QUALITY = 90
_FUNCTIONS: dict[str, VoiFunction] = {
    "linear": "LINEAR",
    "linear-exact": "LINEAR_EXACT",
    "sigmoid": "SIGMOID",
}


@dataclass(frozen=True, slots=True)
class Viewport:
    """A box to draw into, and the part of the image to draw.

    Parameters
    ----------
    width, height
        Of the box, pixels; the image keeps its shape.
    crop
        Left, top, width and height in pixels of the image; None draws all of it.
    """

    width: int
    height: int
    crop: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """How to draw.

    Parameters
    ----------
    window
        None takes the first of the file.
    quality
        Of JPEG, 1 to 100.
    """

    window: Window | None = None
    viewport: Viewport | None = None
    quality: int = _QUALITY


def drawing_of(query: Mapping[str, str]) -> Drawing:
    """Read the query parameters ``window``, ``viewport`` and ``quality``.

    ``annotation`` and ``iccprofile`` are allowed and have no effect: nothing is burned in.

    Raises
    ------
    HttpError
        400 where one is malformed or out of range.
    """
    window = _window(query["window"]) if "window" in query else None
    viewport = _viewport(query["viewport"]) if "viewport" in query else None
    quality = query.get("quality", str(_QUALITY))
    if not (quality.isascii() and quality.isdigit() and 1 <= int(quality[:4]) <= 100):
        raise bad_request("quality is not a number from 1 to 100")
    return Drawing(window, viewport, int(quality))


def draw(frames: Frames, index: int, drawing: Drawing, media_type: str, *, max_bytes: int) -> bytes:
    """Return a frame (from 0) as JPEG or PNG.

    Raises
    ------
    EncodingError, OSError
        If it cannot be decoded.
    HttpError
        400 where the viewport lies outside the image.
    """
    picture = picture_of(frames, index, max_bytes=max_bytes)
    levels = picture.values
    if levels.ndim == 2:
        window = drawing.window or picture.windows[0]
        levels = apply_window(levels, window, inverted=picture.monochrome1)
    viewport = drawing.viewport
    if viewport is not None and viewport.crop is not None:
        levels = _cropped(levels, viewport.crop)
    image = Image.fromarray(np.ascontiguousarray(levels, dtype=np.uint8))
    size = _size(levels.shape, picture, viewport)
    if size != image.size:
        shrinks = size[0] < image.width or size[1] < image.height
        image = image.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR)
    target = io.BytesIO()
    if media_type == PNG:
        image.save(target, format="PNG", compress_level=1)
    else:
        image.save(target, format="JPEG", quality=drawing.quality)
    return target.getvalue()


def _size(shape: tuple[int, ...], picture: Picture, viewport: Viewport | None) -> tuple[int, int]:
    """Return (width, height) in which a millimetre is as long down as across."""
    down, across = picture.pixel_spacing
    height, width = float(shape[0]), float(shape[1])
    if down > across:  # enlarge the coarser axis, so that no detail is lost
        height *= down / across
    else:
        width *= across / down
    box = (MAX_SIDE, MAX_SIDE) if viewport is None else (viewport.width, viewport.height)
    scale = min(box[0] / width, box[1] / height)
    if viewport is None:
        scale = min(1.0, scale)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _cropped(levels: NDArray[Any], crop: tuple[int, int, int, int]) -> NDArray[Any]:
    left, top, width, height = crop
    part = levels[top : top + height, left : left + width]
    if not part.size:
        raise bad_request("the viewport lies outside the image")
    return part


def _window(text: str) -> Window:
    parts = text.split(",")
    function = _FUNCTIONS.get(parts[2].lower()) if len(parts) == 3 else "LINEAR"
    malformed = bad_request(
        "window is not centre,width or centre,width,function with the function linear, "
        "linear-exact or sigmoid and a width of at least 1 for linear"
    )
    if len(parts) not in (2, 3) or function is None:
        raise malformed
    try:
        centre, width = float(parts[0]), float(parts[1])
        window = Window(centre, width, function)
    except ValueError as error:
        raise malformed from error
    if not (math.isfinite(centre) and math.isfinite(width)):
        raise malformed
    return window


def _viewport(text: str) -> Viewport:
    parts = text.split(",")
    numbers = [int(p) for p in parts if p.isascii() and p.isdigit() and len(p) < 7]
    if len(numbers) != len(parts) or len(numbers) not in (2, 6):
        raise bad_request("viewport is not width,height or width,height,left,top,width,height")
    width, height, *crop = numbers
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise bad_request(f"width and height of a viewport are 1 to {MAX_SIDE} pixels")
    if not crop:
        return Viewport(width, height)
    if not crop[2] or not crop[3]:
        raise bad_request("the part of the image that viewport names is empty")
    return Viewport(width, height, (crop[0], crop[1], crop[2], crop[3]))
