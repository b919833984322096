"""Every kind of picture file becomes levels, or one sentence."""

import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from ensir import decoding, images
from ensir.errors import InputError
from ensir.images import (
    PICTURE_ENDINGS,
    decode_with,
    encode_png,
    read_image,
    read_picture,
    write_image,
)

KINDS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tif": "TIFF", "bmp": "BMP"}


@pytest.fixture(autouse=True)
def decoded_here() -> None:
    """Other tests of this run may have opened the app, which has pictures decoded elsewhere."""
    decode_with(None)


@pytest.fixture
def picture() -> Image.Image:
    """A seeded picture of 13 × 9 pixels that compresses badly, RGB."""
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (9, 13, 3), dtype=np.uint8))


def levels(picture: Image.Image) -> Tensor:
    """What `read_image` must return for an opaque picture."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int) -> bytes:
    """The first 33 bytes of a PNG file, which claim a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)


def refusal(path: Path) -> str:
    """The sentence with which a file is refused; it shows no folder."""
    with pytest.raises(InputError) as refused:
        read_image(path)
    sentence = str(refused.value)
    assert sentence.startswith(path.name) and "\n" not in sentence
    assert str(path.parent) not in sentence
    return sentence


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "webp"])
def test_a_lossless_file_is_read_as_it_was_written(
    tmp_path: Path, picture: Image.Image, ending: str
) -> None:
    path = tmp_path / f"photo.{ending}"
    picture.save(path, lossless=True)
    image = read_image(path)
    assert image.dtype == torch.uint8 and image.is_contiguous()
    assert torch.equal(image, levels(picture))


def test_a_jpeg_is_read_as_pillow_reads_it(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "photo.jpg")
    with Image.open(tmp_path / "photo.jpg") as opened:
        assert torch.equal(read_image(tmp_path / "photo.jpg"), levels(opened))


def test_the_content_decides_and_not_the_name(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (3, 9, 13)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_opaque_colours_become_rgb_as_pillow_has_it(
    tmp_path: Path, picture: Image.Image, mode: str, ending: str
) -> None:
    stored = picture.convert(mode)
    if (mode, ending) == ("CMYK", "png"):
        pytest.skip("PNG has no CMYK")
    stored.save(tmp_path / f"photo.{ending}")
    assert torch.equal(read_image(tmp_path / f"photo.{ending}"), levels(stored))


def test_a_cmyk_jpeg_is_read(tmp_path: Path, picture: Image.Image) -> None:
    picture.convert("CMYK").save(tmp_path / "photo.jpg")
    assert read_image(tmp_path / "photo.jpg").shape == (3, 9, 13)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_composited_on_white(tmp_path: Path, picture: Image.Image, mode: str) -> None:
    alpha = Image.fromarray(np.random.default_rng(6).integers(0, 256, (9, 13), dtype=np.uint8))
    stored = picture.convert(mode)
    stored.putalpha(alpha)
    stored.save(tmp_path / "photo.png")
    share = torch.from_numpy(np.array(alpha)).double() / 255
    colour = levels(stored.convert(mode.removesuffix("A"))).double()
    wanted = share * colour + (1 - share) * 255
    # Half a level of rounding, and Pillow's division by 255 may be one level off.
    assert (read_image(tmp_path / "photo.png") - wanted).abs().max() <= 1


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_an_opaque_alpha_changes_nothing(tmp_path: Path, picture: Image.Image, mode: str) -> None:
    stored = picture.convert(mode)
    stored.save(tmp_path / "photo.png")
    opaque = stored.convert(mode.removesuffix("A"))
    assert torch.equal(read_image(tmp_path / "photo.png"), levels(opaque))


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_the_transparent_colour_becomes_white(tmp_path: Path, mode: str) -> None:
    stored = Image.new(mode, (2, 1), 0)
    if mode == "P":
        stored.putpalette([10, 20, 30, 40, 50, 60])
    stored.putpixel((1, 0), (1, 1, 1) if mode == "RGB" else 1)
    stored.save(tmp_path / "photo.png", transparency=(0, 0, 0) if mode == "RGB" else 0)
    left, right = read_image(tmp_path / "photo.png")[:, 0].T.tolist()
    assert left == [255, 255, 255]
    assert right == ([40, 50, 60] if mode == "P" else [1, 1, 1])


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_grey_becomes_the_nearest_level(tmp_path: Path, ending: str) -> None:
    value = np.arange(0, 65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(value).save(tmp_path / f"grey.{ending}")
    image = read_image(tmp_path / f"grey.{ending}")
    wanted = torch.from_numpy(np.rint(value / 257))  # never a half: 257 is odd
    assert all(torch.equal(channel.double(), wanted) for channel in image)


def test_big_endian_16_bit_grey_becomes_the_nearest_level(tmp_path: Path) -> None:
    value = np.array([[0, 200, 257, 40000, 65535]], dtype=">u2")
    tags = [(256, 5), (257, 1), (258, 16), (259, 1), (262, 1), (273, 122), (277, 1), (278, 1)]
    tags.append((279, 10))
    fields = b"".join(struct.pack(">HHIHH", tag, 3, 1, number, 0) for tag, number in tags)
    header = b"MM\0*" + struct.pack(">IH", 8, len(tags)) + fields + bytes(4)
    (tmp_path / "grey.tif").write_bytes(header + value.tobytes())
    assert read_image(tmp_path / "grey.tif")[0].tolist() == [[0, 1, 1, 156, 255]]


def test_16_bit_grey_with_a_transparent_value_is_white_there(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 514]], dtype=np.uint16)).save(tmp_path / "grey.png")
    data = (tmp_path / "grey.png").read_bytes()
    data = data[:33] + chunk(b"tRNS", struct.pack(">H", 0)) + data[33:]
    (tmp_path / "grey.png").write_bytes(data)
    assert read_image(tmp_path / "grey.png")[0].tolist() == [[255, 2]]


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_values_that_are_no_levels_are_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (3, 2)).save(tmp_path / "values.tif")
    assert "save it with 8 or 16 bits" in refusal(tmp_path / "values.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "LZW"])
def test_every_exif_orientation_is_turned_upright(
    tmp_path: Path, orientation: int, kind: str
) -> None:
    # One dark corner, top left once upright; large flat areas survive JPEG.
    upright = np.full((32, 48), 220, dtype=np.uint8)
    upright[:16, :16] = 20
    upright[:16, 16:32] = 120
    stored = {  # EXIF 2.32, tag 0x0112: where row 0 and column 0 of the stored picture lie
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[orientation]
    path = tmp_path / "photo"
    exif = Image.Exif()
    exif[0x0112] = orientation
    settings = {"format": kind, "exif": exif, "lossless": True}
    if kind == "LZW":
        settings |= {"format": "TIFF", "compression": "tiff_lzw"}
    Image.fromarray(np.ascontiguousarray(stored)).convert("RGB").save(path, **settings)
    image = read_image(path)
    assert image.shape == (3, 32, 48)
    assert (image[0].int() - torch.from_numpy(upright).int()).abs().max() <= 4  # JPEG


def test_an_orientation_that_does_not_exist_is_ignored(
    tmp_path: Path, picture: Image.Image
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    picture.save(tmp_path / "photo.png", exif=exif)
    assert torch.equal(read_image(tmp_path / "photo.png"), levels(picture))


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_of_several_frames_the_first_is_read(
    tmp_path: Path, picture: Image.Image, ending: str
) -> None:
    path = tmp_path / f"film.{ending}"
    picture.save(path, save_all=True, append_images=[picture.rotate(180)], lossless=True)
    assert torch.equal(read_image(path), levels(picture))


def test_a_claimed_size_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(png_claiming(30_000, 30_000))
    tracemalloc.start()
    sentence = refusal(tmp_path / "photo.png")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sentence == (
        "photo.png is 30000 × 30000 pixels, more than 40 million, the limit here: make it smaller"
    )
    assert most < 2**20


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif", "bmp"])
def test_a_picture_over_the_limit_is_refused_in_every_format(
    tmp_path: Path, picture: Image.Image, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"photo.{ending}"
    picture.save(path)
    monkeypatch.setattr(images, "MOST_PIXELS", 13 * 9)
    assert read_image(path).shape == (3, 9, 13)
    monkeypatch.setattr(images, "MOST_PIXELS", 13 * 9 - 1)
    assert "is 13 × 9 pixels" in refusal(path)


@pytest.mark.parametrize("settings", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif"}])
def test_the_size_of_a_webp_is_read_without_opening_it(
    tmp_path: Path, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (300, 7)).save(tmp_path / "photo.webp", **settings)
    monkeypatch.setattr(images, "MOST_PIXELS", 1)
    monkeypatch.delattr("PIL.WebPImagePlugin.WebPImageFile._open")
    assert "is 300 × 7 pixels" in refusal(tmp_path / "photo.webp")


def test_a_side_over_the_limit_is_refused_and_one_at_it_is_read(tmp_path: Path) -> None:
    Image.new("L", (20_000, 1)).save(tmp_path / "long.png")
    assert read_image(tmp_path / "long.png").shape == (3, 1, 20_000)
    Image.new("L", (1, 20_001)).save(tmp_path / "longer.png")
    assert "1 × 20001 pixels; a side may have 20000 pixels here" in refusal(tmp_path / "longer.png")


def test_a_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.png"
    Image.new("L", (1, 1)).save(path)
    size = path.stat().st_size
    monkeypatch.setattr(images, "MOST_PICTURE_BYTES", size)
    assert read_image(path).shape == (3, 1, 1)
    monkeypatch.setattr(images, "MOST_PICTURE_BYTES", size - 1)
    assert "MB, the limit here: choose a smaller file" in refusal(path)


def test_whose_file_it_is_is_said_in_notes_and_sentences(tmp_path: Path) -> None:
    path = tmp_path / "0.png"
    Image.new("RGB", (1, 1)).save(path, format="BMP")
    assert read_picture(path, "A").notes == ("0.png (A) is a BMP image, whatever its name says",)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match=r"^0\.png \(A\) ends early"):
        read_image(path, "A")


def test_a_name_too_long_to_be_shown_is_not_held_against_a_picture(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 90}.png"
    Image.new("RGB", (1, 1)).save(path)
    assert read_picture(path).notes == ()


@pytest.mark.parametrize("ending", KINDS)
def test_a_file_cut_in_the_middle_ends_early(tmp_path: Path, ending: str) -> None:
    grain = np.random.default_rng(7).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"photo.{ending}"
    Image.fromarray(grain).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refusal(path) == f"photo.{ending} ends early: the file is cut off: save it again"


@pytest.mark.parametrize("ending", KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_sentence(
    tmp_path: Path, picture: Image.Image, ending: str
) -> None:
    path = tmp_path / f"photo.{ending}"
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(path, **({} if ending == "bmp" else {"exif": exif}))
    whole = path.read_bytes()
    draw = np.random.default_rng(8)
    damaged = [whole[:length] for length in range(0, len(whole), 7)]
    for _ in range(200):
        data = bytearray(whole)
        for place in draw.integers(0, len(data), size=draw.integers(1, 6)):
            data[place] = draw.integers(0, 256)
        damaged.append(bytes(data))
    for data in damaged:
        path.write_bytes(data)
        try:
            image = read_image(path)
        except InputError as refused:
            assert str(refused).startswith(path.name) and str(tmp_path) not in str(refused)
        else:
            assert image.dtype == torch.uint8 and image.shape[0] == 3


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", b"%PDF-1.7"]
)
def test_what_is_no_picture_of_these_kinds_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "photo.png").write_bytes(data)
    assert refusal(tmp_path / "photo.png") == (
        "photo.png is not a PNG, JPEG, WebP, TIFF or BMP image: save it as one of these"
    )


@pytest.mark.parametrize("place", ["missing.png", "folder", "nul\0.png"])
def test_what_is_no_file_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"is not there|is not a file"):
        read_image(tmp_path / place)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "photo.png")
    assert "is not a file" in refusal(tmp_path / "photo.png")


def test_damaged_metadata_is_refused(tmp_path: Path, picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description of some length"
    exif[0x0112] = 6
    picture.save(tmp_path / "photo.jpg", exif=exif.tobytes()[:-20])
    assert "has damaged or oversized metadata" in refusal(tmp_path / "photo.jpg")


def test_metadata_that_unpacks_to_a_flood_is_refused(tmp_path: Path, picture: Image.Image) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "a" * 2**24, zip=True)
    picture.save(tmp_path / "photo.png", pnginfo=text)
    assert (tmp_path / "photo.png").stat().st_size < 2**16
    assert "has damaged or oversized metadata" in refusal(tmp_path / "photo.png")


def test_a_picture_too_large_for_memory_says_so(
    tmp_path: Path, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    picture.save(tmp_path / "photo.png")
    monkeypatch.setattr(decoding, "_decoded", refuse)
    assert "does not fit into memory" in refusal(tmp_path / "photo.png")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (9, 13), (1, 300)])
def test_what_is_written_is_read_back(tmp_path: Path, channels: int, size: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(9)
    image = torch.randint(0, 256, (channels, *size), generator=draw, dtype=torch.uint8)
    write_image(tmp_path / "result.png", image)
    assert torch.equal(read_image(tmp_path / "result.png"), image.expand(3, *size))
    with Image.open(tmp_path / "result.png") as opened:
        assert opened.format == "PNG" and opened.mode == {1: "L", 3: "RGB"}[channels]
    assert (tmp_path / "result.png").read_bytes() == encode_png(image)


@pytest.mark.parametrize(
    "image", [torch.zeros(3, 4, 4), torch.zeros(2, 4, 4, dtype=torch.uint8), torch.zeros(4)]
)
def test_what_is_not_levels_of_grey_or_rgb_is_no_png(image: Tensor) -> None:
    with pytest.raises(InputError, match="round it to levels first"):
        encode_png(image)


@pytest.mark.parametrize(
    "channels, alpha",
    [
        (3, torch.zeros(4, 5, dtype=torch.uint8)),
        (3, torch.zeros(1, 4, 4, dtype=torch.uint8)),
        (3, torch.zeros(4, 4, dtype=torch.uint16)),
        (3, torch.zeros(4, 4)),
        (1, torch.zeros(4, 4, dtype=torch.uint8)),
    ],
)
def test_an_alpha_of_another_size_or_type_than_the_colours_is_refused(
    channels: int, alpha: Tensor
) -> None:
    with pytest.raises(InputError, match=r"^the alpha of a PNG is \(H, W\) of the type of its"):
        encode_png(torch.zeros(channels, 4, 4, dtype=torch.uint8), alpha)


def test_a_result_is_only_written_under_the_name_of_a_png(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"let its name end in \.png"):
        write_image(tmp_path / "result.jpg", torch.zeros(3, 1, 1, dtype=torch.uint8))
    assert list(tmp_path.iterdir()) == []


def test_another_decoder_takes_the_bytes_and_gives_the_picture(
    tmp_path: Path, picture: Image.Image
) -> None:
    picture.save(tmp_path / "photo.png")
    seen = []

    def decoder(data: bytes) -> decoding.Decoded:
        seen.append(data)
        if len(seen) > 1:
            raise InputError("is refused elsewhere")
        return decoding.decode(data, 1000)

    decode_with(decoder)
    try:
        assert torch.equal(read_image(tmp_path / "photo.png"), levels(picture))
        assert refusal(tmp_path / "photo.png") == "photo.png is refused elsewhere"
    finally:
        decode_with(None)
    assert seen == 2 * [(tmp_path / "photo.png").read_bytes()]
    assert torch.equal(read_image(tmp_path / "photo.png"), levels(picture))


def test_every_ending_is_of_a_kind_that_is_read(tmp_path: Path, picture: Image.Image) -> None:
    for ending in PICTURE_ENDINGS:
        picture.save(tmp_path / f"photo{ending}")
        assert read_image(tmp_path / f"photo{ending}").shape == (3, 9, 13)


def deep_values(channels: int) -> np.ndarray:
    """Seeded 16-bit values, (9, 13, channels), whose lower halves matter."""
    return np.random.default_rng(9).integers(0, 65536, (9, 13, channels), dtype=np.uint16)


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colour_keeps_every_bit(tmp_path: Path, ending: str, channels: int) -> None:
    value = deep_values(channels)
    path = tmp_path / f"deep.{ending}"
    assert cv2.imwrite(str(path), value)  # takes blue first
    picture = read_picture(path)
    assert picture.values.dtype == torch.uint16 and picture.values.shape == (3, 9, 13)
    assert np.array_equal(picture.values.numpy(), value[..., 2::-1].transpose(2, 0, 1))
    if channels == 4:
        assert picture.alpha is not None
        assert np.array_equal(picture.alpha.numpy(), value[..., 3])
    else:
        assert picture.alpha is None
        levels = np.rint(value[..., ::-1].astype(float) / 257)  # never a half: 257 is odd
        assert np.array_equal(picture.levels.numpy(), levels.transpose(2, 0, 1))


def test_16_bit_grey_keeps_every_bit(tmp_path: Path) -> None:
    value = deep_values(1)[..., 0]
    Image.fromarray(value).save(tmp_path / "grey.png")
    values = read_picture(tmp_path / "grey.png").values
    assert values.dtype == torch.uint16
    assert all(np.array_equal(channel.numpy(), value) for channel in values)


def test_transparency_is_kept_aside_and_the_colours_under_it_stay(
    tmp_path: Path, picture: Image.Image
) -> None:
    alpha = np.random.default_rng(6).integers(0, 256, (9, 13), dtype=np.uint8)
    stored = picture.copy()
    stored.putalpha(Image.fromarray(alpha))
    stored.save(tmp_path / "photo.png")
    read = read_picture(tmp_path / "photo.png")
    assert torch.equal(read.values, levels(picture))
    assert read.alpha is not None and np.array_equal(read.alpha.numpy(), alpha)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_what_is_written_is_read_again(tmp_path: Path, deep: bool, with_alpha: bool) -> None:
    value = torch.from_numpy(deep_values(4).transpose(2, 0, 1).copy())
    value = value if deep else (value.int() // 257).to(torch.uint8)
    alpha = value[3] if with_alpha else None
    write_image(tmp_path / "x.png", value[:3], alpha)
    read = read_picture(tmp_path / "x.png")
    assert torch.equal(read.values.int(), value[:3].int()) and read.values.dtype == value.dtype
    assert (read.alpha is None) == (alpha is None)
    assert alpha is None or read.alpha is None or torch.equal(read.alpha.int(), alpha.int())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_picture_is_turned_upright_like_any_other(tmp_path: Path, orientation: int) -> None:
    value = deep_values(3)
    path, plain = tmp_path / "deep.png", tmp_path / "plain.png"
    assert cv2.imwrite(str(path), value)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = path.read_bytes()
    path.write_bytes(data[:33] + chunk(b"eXIf", exif.tobytes()[6:]) + data[33:])
    eight_bit = Image.fromarray((value[..., ::-1] // 257).astype(np.uint8))
    eight_bit.save(plain, exif=exif)
    turned = read_picture(path).values
    assert torch.equal((turned.int() // 257).to(torch.uint8), read_image(plain))


def test_notes_say_what_cannot_be_seen(tmp_path: Path, picture: Image.Image) -> None:
    picture.convert("CMYK").save(tmp_path / "a.png", format="JPEG")
    notes = read_picture(tmp_path / "a.png").notes
    assert any("JPEG" in note for note in notes) and any("CMYK" in note for note in notes)
    second = picture.rotate(180)
    picture.save(tmp_path / "b.webp", save_all=True, append_images=[second], lossless=True)
    read = read_picture(tmp_path / "b.webp")
    assert torch.equal(read.values, levels(picture))
    assert any("several frames" in note for note in read.notes)
    picture.save(tmp_path / "c.png", icc_profile=b"some profile")
    assert any("profile" in note for note in read_picture(tmp_path / "c.png").notes)
    picture.save(tmp_path / "d.png")
    assert not read_picture(tmp_path / "d.png").notes
