"""One small picture in every form that users bring, by name, made by the libraries themselves."""

from __future__ import annotations

import io
import struct
from functools import cache
from typing import Any

import cv2
import numpy as np
import PIL.Image

HEIGHT, WIDTH = 40, 64
Array = np.ndarray


def pillow(image: PIL.Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def opencv(extension: str, image: Array, *options: int) -> bytes:
    """The image is RGB, as all pictures here are."""
    if image.ndim == 3:
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    done, data = cv2.imencode(extension, np.ascontiguousarray(image), options)
    assert done
    return bytes(data)


def smooth(seed: int, *, channels: int = 3) -> Array:
    """uint8 [HEIGHT, WIDTH, channels]: uneven, so that no turn goes unseen."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (3, 4, channels), np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT)).reshape(HEIGHT, WIDTH, channels))


PICTURE = smooth(1)
ALPHA = smooth(2, channels=1)
CLEAR = np.concatenate((PICTURE, ALPHA), axis=2)
# Of 16 bits, in the lower half alone.
DEEP = PICTURE.astype(np.uint16) * 120 + 300
DEEP_CLEAR = np.concatenate((DEEP, ALPHA.astype(np.uint16) * 257), axis=2)


def orientation(number: int) -> PIL.Image.Exif:
    exif = PIL.Image.Exif()
    exif[0x112] = number
    return exif


def tiff(image: Array, *, sample_format: int, photometric: int = 1) -> bytes:
    """A grey TIFF of one strip, with whatever numbers numpy has."""
    height, width = image.shape
    content = image.tobytes()
    entries = {
        256: width, 257: height, 258: 8 * image.dtype.itemsize, 259: 1, 262: photometric,
        273: 8, 277: 1, 278: height, 279: len(content), 339: sample_format,
    }  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    head = struct.pack("<2sHI", b"II", 42, 8 + len(content))
    return head + content + struct.pack("<H", len(entries)) + directory + bytes(4)


def pam(image: Array, kind: str, white: int) -> bytes:
    height, width, depth = image.shape
    lines = f"WIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {white}\n"
    if kind:
        lines += f"TUPLTYPE {kind}\n"
    numbers = image.astype(">u2" if white > 255 else "u1")
    return f"P7\n{lines}ENDHDR\n".encode() + numbers.tobytes()


def pnm(image: Array, white: int) -> bytes:
    height, width = image.shape[:2]
    numbers = image.astype(">u2" if white > 255 else "u1")
    return f"P{5 if image.ndim == 2 else 6}\n{width} {height}\n{white}\n".encode() + (
        numbers.tobytes()
    )


def mif1() -> bytes:
    """An AVIF whose first brand is that of all images in such containers."""
    data = pillow(PIL.Image.fromarray(PICTURE), "AVIF")
    return data.replace(b"ftypavif", b"ftypmif1", 1)


@cache
def odd_files() -> dict[str, bytes]:
    picture, clear = PIL.Image.fromarray(PICTURE), PIL.Image.fromarray(CLEAR)
    grey = picture.convert("L")
    more: dict[str, Any] = {"save_all": True, "append_images": [picture.rotate(180)]}
    few = picture.quantize(16)
    files = {
        f"{form} turned {number}": pillow(picture, form, exif=orientation(number))
        for form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
        for number in (1, 3, 6, 7)
    }
    files |= {
        f"{form} of {mode}": pillow(clear.convert(mode), form)
        for form, modes in {
            "PNG": ("1", "L", "LA", "RGB", "RGBA"),
            "TIFF": ("1", "L", "LA", "RGB", "RGBA", "CMYK"),
            "JPEG": ("L", "RGB", "CMYK"),
            "JPEG2000": ("L", "LA", "RGB", "RGBA"),
            "WEBP": ("RGB", "RGBA"),
            "AVIF": ("L", "RGB", "RGBA"),
            "BMP": ("1", "L", "RGB"),
        }.items()
        for mode in modes
    }
    for extension in (".png", ".tiff", ".jp2"):
        files[f"{extension} of 16 bits, grey"] = opencv(extension, DEEP[..., 0])
        files[f"{extension} of 16 bits"] = opencv(extension, DEEP)
        files[f"{extension} of 16 bits and alpha"] = opencv(extension, DEEP_CLEAR)
    for bits in (10, 12):
        depth = (cv2.IMWRITE_AVIF_DEPTH, bits)
        files[f"AVIF of {bits} bits"] = opencv(".avif", DEEP >> (16 - bits), *depth)
        files[f"AVIF of {bits} bits and alpha"] = opencv(".avif", DEEP_CLEAR >> (16 - bits), *depth)
    files |= {f"opencv {each}": opencv(each, PICTURE) for each in (".ppm", ".ras", ".sr", ".pam")}
    files |= {f"opencv {each}": opencv(each, PICTURE[..., 0]) for each in (".pgm", ".pbm")}
    floats = (PICTURE / 255).astype(np.float32)
    files |= {
        "PNG of few colours": pillow(few, "PNG"),
        "PNG of few colours, some clear": pillow(few, "PNG", transparency=bytes(range(0, 256, 16))),
        "PNG with a clear grey": pillow(grey, "PNG", transparency=grey.getpixel((5, 5))),
        "PNG with a clear colour": pillow(picture, "PNG", transparency=picture.getpixel((5, 5))),
        "PNG of several frames": pillow(picture, "PNG", **more),
        "GIF": pillow(few, "GIF"),
        "GIF with a clear colour": pillow(few, "GIF", transparency=3),
        "GIF of several frames": pillow(picture, "GIF", **more),
        "WEBP without loss, clear": pillow(clear, "WEBP", lossless=True),
        "WEBP clear and turned": pillow(clear, "WEBP", lossless=True, exif=orientation(6)),
        "PNG clear and turned": pillow(clear, "PNG", exif=orientation(6)),
        "WEBP of several frames": pillow(picture, "WEBP", **more),
        "TIFF of several pages": pillow(picture, "TIFF", **more),
        "BigTIFF": pillow(picture, "TIFF", big_tiff=True),
        "AVIF of the brand mif1": mif1(),
        "AVIF clear and turned": pillow(clear, "AVIF", exif=orientation(6)),
        "JPEG, progressive and large": pillow(picture.resize((900, 700)), "JPEG", progressive=True),
        "JPEG 2000 without boxes": pillow(picture, "JPEG2000", no_jp2=True),
        "BMP with alpha": opencv(".bmp", CLEAR),
        "HDR": opencv(".hdr", floats * 3),
        "PFM": opencv(".pfm", floats),
        "TIFF of float32": opencv(".tiff", floats),
        "TIFF of float64": opencv(".tiff", floats.astype(np.float64)),
        "TIFF of int16": tiff(DEEP[..., 0].astype(np.int16), sample_format=2),
        "TIFF of int32": tiff(DEEP[..., 0].astype(np.int32), sample_format=2),
        "TIFF of 16 bits, white is 0": tiff(DEEP[..., 0], sample_format=1, photometric=0),
        "PAM of RGB": pam(PICTURE, "RGB", 255),
        "PAM of RGB and alpha": pam(CLEAR, "RGB_ALPHA", 255),
        "PAM of grey": pam(PICTURE[..., :1], "GRAYSCALE", 255),
        "PAM of grey and alpha": pam(CLEAR[..., [0, 3]], "GRAYSCALE_ALPHA", 255),
        "PAM of 16 bits": pam(DEEP, "RGB", 65_535),
        "PAM of white 1023": pam(DEEP >> 6, "RGB", 1023),
        "PAM of black and white": pam(PICTURE[..., :1] >> 7, "BLACKANDWHITE", 1),
        "PGM of white 85": pnm(PICTURE[..., 0] // 3, 85),
        "PPM of white 4095": pnm(DEEP >> 4, 4095),
    }
    return files
