"""A clip on one sheet as H&HT shows it: frames as filmed, their parts outlined, above the canvases."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import av
from PIL import Image

from utils.errors import FAILURE, BenchError
from wlasl.clips import Clip
from wlasl.contact import Frame, Look, Seen, lay_out, made_small, outline, seen_of
from wlasl.hht import TILES, Canvas
from wlasl.hht_pixels import Canvases, Parts, each_canvas
from wlasl.pixels import upright_rgb
from wlasl.video import VideoError

_COLOURS = {"right hand": (240, 140, 30), "face": (240, 220, 40), "left hand": (60, 120, 240)}


def canvas_sheet(path: Path, clip: Clip, parts: Parts, chosen: Look, source: str) -> Image.Image:
    """Return the contact sheet of a clip's canvases as a picture.

    Args:
        path: the video.
        clip: which clip it is.
        parts: its landmarks.
        chosen: a view with a canvas, and what the network takes of it.
        source: what found the landmarks, in words.

    Raises:
        BenchError: the file cannot serve as this clip, or the landmarks do not fit; the sentence says why.
    """
    try:
        seen, found = see_canvases(path, clip, parts, chosen)
    except VideoError as error:
        message = f"Clip {clip.id} cannot be shown: {path} cannot be used: {error}."
        raise BenchError(message, exit_code=FAILURE) from error
    return lay_out(seen, _title(clip, chosen, seen, (source, found, len(parts.points))))


def see_canvases(path: Path, clip: Clip, parts: Parts, chosen: Look) -> tuple[Seen, dict[str, float]]:
    """Decode a clip through the steps that prepare and load clips; also say in which share a part is seen.

    Raises:
        VideoError: the file cannot serve as this clip, or the landmarks do not fit it.
    """
    size: list[tuple[int, int]] = []
    shots = each_canvas(path, clip, chosen.view, parts, partial(_taken, size))
    found = {part: sum(part in names for _, _, names in shots) / len(shots) for part in TILES[1:]}
    return seen_of([(small, data) for small, data, _ in shots], chosen, size[-1]), found


def _taken(
    size: list[tuple[int, int]], canvases: Canvases, frame: av.VideoFrame
) -> tuple[Frame, bytes, frozenset[str]]:
    """Return a small frame with its parts outlined, its canvas's bytes, and which parts are there."""
    rgb = upright_rgb(frame)
    size.append((rgb.shape[1], rgb.shape[0]))
    small, scale = made_small(rgb)
    cuts = {name: cut for name, cut in zip(TILES, canvases.cuts(frame), strict=True) if cut}
    for name, colour in _COLOURS.items():
        if name in cuts:
            outline(small, cuts[name][0], scale, colour)
    return small, canvases.encode(frame), frozenset(cuts)


def _title(clip: Clip, chosen: Look, seen: Seen, told: tuple[str, dict[str, float], int]) -> list[str]:
    """Return the sheet's title, where the parts come from, and how they lie, a line each.

    `told` is what found the landmarks, in which share of the frames each part is seen, and how many they are.
    """
    view, (source, found, count) = chosen.view, told
    canvas = view.canvas or Canvas()
    width, height = seen.size
    colours = {"right hand": "orange", "face": "yellow", "left hand": "blue"}
    shares = ", ".join(f"{part} ({colours[part]}) in {share:.0%}" for part, share in found.items())
    margin = [f"{canvas.margin} px"] * bool(canvas.margin or not canvas.margin_share)
    margin += [f"{canvas.margin_share:g} of the longer side"] * bool(canvas.margin_share)
    lies = [canvas.layout, f"parts {canvas.parts}", f"margin {' and '.join(margin)}"]
    lies += ["frame padded first"] * canvas.pad_first + ["grey"] * canvas.grey
    lies += [f"shown {canvas.show}"] * ("0" in canvas.show)
    signer = "signer unknown" if clip.signer is None else f"signer {clip.signer}"
    stored = f"stored {view.size} x {view.size} as {view.codec}; {chosen.size} x {chosen.size} as input"
    return [
        f"{clip.id}   {clip.gloss}   (class {clip.label}, {clip.part}, {signer})",
        f"Filmed: {seen.length} frames, {width} x {height}; landmarks: {source}, {count} in time; {shares}",
        f"Seen: {chosen.sampling.frames} frames, {chosen.sampling.test}; H&HT: {', '.join(lies)}; {stored}",
    ]
