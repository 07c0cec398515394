"""Fonts for text burned into images: looked for on the machine, none is shipped.

A font with Chinese characters is several megabytes, and the hospital's system has one or can
install one (Debian: ``fonts-noto-cjk``). Without one, pages are written in English with the
font that comes with Pillow, and characters it lacks are shown as boxes, never left out.
"""

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import structlog
from PIL import ImageFont

_log = structlog.get_logger(__name__)

# In order of preference: simplified Chinese faces of open fonts, then those of Windows and macOS.
_FILES = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "NotoSansSC-Regular.ttf",
    "NotoSansCJKsc-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "SourceHanSansCN-Regular.otf",
    "SourceHanSans-Regular.ttc",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "msyh.ttc",
    "simhei.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
)
_MAX_FACES = 16  # of a collection


def font_folders() -> tuple[Path, ...]:
    """Return the folders in which this system keeps fonts."""
    home = Path.home()
    return (
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        home / ".local/share/fonts",
        home / ".fonts",
        Path("/System/Library/Fonts"),
        Path("/Library/Fonts"),
        Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts",
    )


class Fonts:
    """One typeface in any size.

    Parameters
    ----------
    path
        A font file with Chinese characters; None takes Pillow's own, which has none.
    face
        Number of the face in a collection.
    """

    def __init__(self, path: Path | None, face: int = 0) -> None:
        self._path = path
        self._face = face

    @property
    def has_chinese(self) -> bool:
        """Whether Chinese text can be written."""
        return self._path is not None

    def size(self, pixels: int) -> ImageFont.FreeTypeFont:
        """Return the typeface in one size."""
        if self._path is not None:
            return ImageFont.truetype(self._path, pixels, index=self._face)
        font = ImageFont.load_default(pixels)
        assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow is built with FreeType
        return font


def find_fonts(folders: Iterable[Path] | None = None) -> Fonts:
    """Return the best typeface of the system for Chinese and Latin text.

    Parameters
    ----------
    folders
        Where to look, to any depth; None is the folders of the system.
    """
    return _find(tuple(font_folders() if folders is None else folders))


@cache
def _find(folders: tuple[Path, ...]) -> Fonts:
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            found.setdefault(path.name, path)
    for name in _FILES:
        if name in found and (face := _simplified_face(found[name])) is not None:
            return Fonts(found[name], face)
    _log.warning("fonts.no_chinese", cure="install a font such as fonts-noto-cjk")
    return Fonts(None)


def _simplified_face(path: Path) -> int | None:
    """Return the face for simplified Chinese, else the first; None if the file is no font."""
    first: int | None = None
    for face in range(_MAX_FACES):
        try:
            name, _ = ImageFont.truetype(path, 10, index=face).getname()
        except OSError:
            break
        if first is None:
            first = face
        if name is not None and name.split()[-1] in ("SC", "CN", "GB"):
            return face
    return first
