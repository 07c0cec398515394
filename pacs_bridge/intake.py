"""DICOM files that a user hands over: a file, a folder or a zip."""

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pacs_bridge.errors import EncodingError, IntakeError
from pacs_bridge.part10 import read_file_meta

MAX_ZIP_FILES = 100_000
MAX_ZIP_BYTES = 50 * 1024**3
# Deflate reaches about 1030:1 on zeros; images stay far below this.
MAX_ZIP_RATIO = 200
_MIN_RATIO_BYTES = 64 * 1024**2
_COPY_BYTES = 1024 * 1024
_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage: a DICOMDIR


@dataclass(frozen=True, slots=True)
class Intake:
    """What was found.

    Parameters
    ----------
    files
        DICOM files, sorted by path.
    names
        Of the files as the user knows them: paths below the folder, or in the zip.
    skipped
        The others by name (in the zip), each with the reason.
    """

    files: tuple[Path, ...]
    names: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


@contextmanager
def dicom_files(
    path: Path, *, max_zip_files: int = MAX_ZIP_FILES, max_zip_bytes: int = MAX_ZIP_BYTES
) -> Iterator[Intake]:
    """Find the DICOM files at `path`; a zip is unpacked to a folder that lasts as the context.

    Parameters
    ----------
    path
        A file, a folder (searched to any depth, links not followed), or a zip.
    max_zip_files, max_zip_bytes
        A zip with more, once unpacked, is refused.

    Raises
    ------
    IntakeError
        If there is nothing at `path`, or the zip is broken, too large, or names a file outside
        its folder.
    """
    if path.is_dir():
        yield _sort(path)
    elif not path.is_file():
        raise IntakeError(f"there is no file or folder at {path}")
    elif not zipfile.is_zipfile(path):
        yield _sort(path)
    else:
        with tempfile.TemporaryDirectory(prefix="clinical-ai-intake-") as folder:
            names = _unpack(path, Path(folder), max_zip_files, max_zip_bytes)
            yield _sort(Path(folder), names)


def _sort(path: Path, names: Mapping[Path, str] | None = None) -> Intake:
    candidates = [path] if path.is_file() else sorted(path.rglob("*"))
    files: list[Path] = []
    skipped: list[tuple[str, str]] = []
    for candidate in candidates:
        if candidate.is_symlink() or not candidate.is_file():
            continue
        reason = _reason_to_skip(candidate)
        if reason is None:
            files.append(candidate)
        else:
            skipped.append((names[candidate] if names else str(candidate), reason))
    return Intake(tuple(files), tuple(_name(f, path, names) for f in files), tuple(skipped))


def _name(file: Path, path: Path, names: Mapping[Path, str] | None) -> str:
    if names:
        return names[file]
    return file.name if file == path else str(file.relative_to(path))


def _reason_to_skip(path: Path) -> str | None:
    try:
        meta = read_file_meta(path)
    except EncodingError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "a DICOMDIR, not an image" if meta.sop_class_uid == _MEDIA_DIRECTORY else None


def _unpack(source: Path, folder: Path, max_files: int, max_bytes: int) -> dict[Path, str]:
    """Unpack under numbered names: those in the zip may be absolute, climb out or collide."""
    names: dict[Path, str] = {}
    try:
        with zipfile.ZipFile(source) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            _check_size(source, members, max_files, max_bytes)
            if sum(m.file_size for m in members) > shutil.disk_usage(folder).free:
                raise IntakeError(f"no room in {folder.parent} to unpack {source}")
            for number, member in enumerate(members):
                target = folder / f"{number:06d}"
                # zipfile stops at the declared size, which was checked.
                with archive.open(member) as packed, target.open("xb") as unpacked:
                    shutil.copyfileobj(packed, unpacked, _COPY_BYTES)
                names[target] = member.filename
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError) as error:
        raise IntakeError(f"the zip {source} cannot be unpacked: {error}") from error
    return names


def _check_size(
    source: Path, members: Sequence[zipfile.ZipInfo], max_files: int, max_bytes: int
) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > max_files:
        raise IntakeError(
            f"the zip {source} holds {len(members)} files, the limit is {max_files}; send the "
            "unpacked folder instead"
        )
    ratio = total / source.stat().st_size
    if total > max_bytes or (total > _MIN_RATIO_BYTES and ratio > MAX_ZIP_RATIO):
        raise IntakeError(
            f"the zip {source} unpacks to {total} bytes, {ratio:.0f} times its size; the limits "
            f"are {max_bytes} bytes and {MAX_ZIP_RATIO} times; send the unpacked folder instead"
        )
