"""Landmarks whose truth is known, written in every format that is read."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from wlasl.clips import Clip, Subset
from wlasl.landmarks.joints import BODY_25, COCO, HAND, HOLISTIC, POSE, SPOTER, hand
from wlasl.root import VideoFiles
from wlasl.sample.clips import Take, plan_clip
from wlasl.sample.writing import landmarks
from wlasl.subsets import DataSet

SIZE = (640, 480)
SPELLED = {"tip": "Tip", "dip": "DIP", "pip": "PIP", "mcp": "MCP", "ip": "IP", "cmc": "CMC"}


def points(frames: int = 12, seed: int = 0) -> np.ndarray:
    """Return a signer's points [T, 75, 3] in HOLISTIC's order, y down, inside of the picture and never 0."""
    rng = np.random.default_rng(seed)
    body = rng.uniform(0.3, 0.7, (1, len(POSE), 3))
    at = {name: index for index, name in enumerate(POSE)}
    for name, place in {
        "nose": (0.5, 0.25),
        "left_shoulder": (0.65, 0.45),
        "right_shoulder": (0.35, 0.45),
        "left_wrist": (0.6, 0.7),
        "right_wrist": (0.4, 0.7),
    }.items():
        body[0, at[name], :2] = place
    moved = np.repeat(body, frames, axis=0) + 0.01 * np.sin(np.arange(frames) / 3)[:, None, None]
    hands = [
        moved[:, [at[f"{side}_wrist"]]] + rng.uniform(-0.05, 0.05, (1, len(HAND), 3))
        for side in ("left", "right")
    ]
    hands = [np.concatenate([moved[:, [at[f"{side}_wrist"]]], one[:, 1:]], axis=1)
             for side, one in zip(("left", "right"), hands, strict=True)]  # fmt: skip
    return np.concatenate([moved, *hands], axis=1).astype(np.float32)


def signed(gloss: int, number: int = 0) -> dict[str, np.ndarray]:
    """Return the true landmarks of a clip of the sample, without its video."""
    plan = plan_clip(Take(0, gloss, number))
    return landmarks(plan.body, plan.camera, float(plan.site.fps))


def named(found: np.ndarray) -> dict[str, np.ndarray]:
    """Return x and y [T, 2] of each joint by its name, with the neck and the middle of the hips."""
    told = {name: found[:, index, :2] for index, name in enumerate(HOLISTIC)}
    told["neck"] = (told["left_shoulder"] + told["right_shoulder"]) / 2
    told["mid_hip"] = (told["left_hip"] + told["right_hip"]) / 2
    for side in ("left", "right"):
        told[f"{side}_big_toe"] = told[f"{side}_small_toe"] = told[f"{side}_foot_index"]
    return told


def parts(found: np.ndarray) -> dict[str, np.ndarray]:
    """Return the three parts of HOLISTIC."""
    return {"pose": found[:, :33], "left_hand": found[:, 33:54], "right_hand": found[:, 54:]}


def write_npz(path: Path, found: np.ndarray, **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **parts(found), **{"size": np.array(SIZE), "fps": np.array(30.0), **more})
    return path


def write_npy(path: Path, found: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.nan_to_num(found[..., :2]).reshape(len(found), -1).astype(np.float64))
    return path


def person(told: dict[str, np.ndarray], frame: int, side: int = 256) -> dict[str, list[float]]:
    """Return OpenPose's numbers of one frame, in a square of so many pixels."""

    def numbers(names):
        rows = [told[name][frame] for name in names]
        return [
            value
            for row in rows
            for value in ([0.0, 0.0, 0.0] if np.isnan(row).any() else [*(float(v) * side for v in row), 0.9])
        ]

    return {
        "pose_keypoints_2d": numbers(BODY_25),
        "hand_left_keypoints_2d": numbers(hand("left")),
        "hand_right_keypoints_2d": numbers(hand("right")),
        "face_keypoints_2d": [0.0] * 210,
    }


def write_openpose(folder: Path, found: np.ndarray, first: int = 1, side: int = 256) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    told = named(found)
    for frame in range(len(found)):
        people = [person(told, frame, side), person(told, 0, side)]
        name = f"image_{frame + first:05d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.2, "people": people}))
    return folder


def column(joint: str, sides: tuple[str, str] = ("left", "right")) -> str:
    """Return SPOTER's name of a joint."""
    if "_hand_" not in joint:
        first, _, second = joint.partition("_")
        return first + second.capitalize()
    side, rest = joint.split("_hand_")
    finger, _, part = rest.partition("_")
    name = "thumbMP" if rest == "thumb_mcp" else finger + SPELLED.get(part, "")
    return f"{name}_{sides[side == 'right']}"


def spoter_row(found: np.ndarray, *, up: bool = True, sides=("left", "right")) -> dict[str, str]:
    """Return the cells of a clip."""
    told, cells = named(found), {}
    for joint in SPOTER:
        xy = told[joint].copy()
        xy[:, 1] = 1 - xy[:, 1] if up else xy[:, 1]
        for axis, letter in enumerate("XY"):
            cells[f"{column(joint, sides)}_{letter}"] = str([float(v) for v in np.nan_to_num(xy[:, axis])])
    return cells


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_hrnet(path: Path, found: np.ndarray, size=SIZE) -> Path:
    told = named(found)
    whole = np.full((len(found), 133, 3), 7.0)
    for index, name in enumerate([*COCO, *[None] * 74, *hand("left"), *hand("right")]):
        if name:
            whole[:, index, :2] = np.nan_to_num(told[name]) * size
            whole[:, index, 2] = ~np.isnan(told[name][:, 0])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, whole)
    return path


def write_hands(path: Path, clips: dict[str, np.ndarray], **more) -> Path:
    """Write `asl300_hands.npz`: each clip [T, 2, 21, 3] with the hands in any slots, NaN where unseen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    x = np.concatenate([np.where(np.isnan(one), -1, one) for one in clips.values()]).astype(np.float32)
    lengths = np.array([len(one) for one in clips.values()])
    np.savez(path, **{"x": x, "lengths": lengths, "video_id": np.array(list(clips)), **more})
    return path


def write_pose_hands(path: Path, clips: dict[str, np.ndarray]) -> Path:
    """Write `asl300_pose_hands_30.npz` of HOLISTIC points [T, 75, 3], T at most 30."""
    path.parent.mkdir(parents=True, exist_ok=True)
    x = np.zeros((len(clips), 30, 258), np.float32)
    for row, found in zip(x, clips.values(), strict=True):
        three = parts(found)
        pose = np.concatenate([three["pose"], np.ones((len(found), 33, 1))], axis=2)
        row[: len(found), :132] = np.nan_to_num(pose).reshape(len(found), -1)
        for at, side in enumerate(("left_hand", "right_hand")):
            flat = np.nan_to_num(three[side] - three[side][:, :1]).reshape(len(found), -1)
            row[: len(found), 132 + 63 * at : 195 + 63 * at] = flat
    np.savez(path, x=x, video_id=np.array(list(clips)))
    return path


def dataset(root: Path, ids, name: str = "100", **more) -> DataSet:
    """Return a data set of two glosses with these ids, without videos."""
    clips = tuple(Clip(clip_id, "ab"[at % 2], at % 2, "train") for at, clip_id in enumerate(ids))
    clips = tuple(replace(clip, **more) for clip in clips)
    return DataSet(Subset(name, ("a", "b"), clips, "r"), root, VideoFiles({}, {}))
