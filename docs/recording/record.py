"""Records commands in a terminal and writes what was seen as an animated picture: `make recording`.

The commands really run, in a new directory with the files of the tutorial; nothing of what they print is made up.
"""

from __future__ import annotations

import fcntl
import html
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyte

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TUTORIAL = ROOT / "docs" / "tutorial" / "first-study.md"
TARGET = ROOT / "docs" / "_static" / "recording.svg"

COMMANDS = [
    """\
runsemble run -P beta=lin:1.2:2.4:25 -P gamma=lin:0.3:0.6:31 -o sweep \\
    --input model.py --input observed.csv -- python model.py""",
]
COLUMNS, ROWS = 88, 17
FRAME_S = 0.2  #: seconds between two pictures
TYPED_S = 0.03  #: seconds between two keys
LAST_S = 6.0  #: seconds for which the last picture stands
WIDTH, HEIGHT = 8.4, 18.0  #: of a character, in pixels
PROMPT = "$ "


class Frame(NamedTuple):
    """What stood on the screen from a moment on."""

    at_s: float
    lines: tuple[str, ...]


def files_of_tutorial() -> dict[str, str]:
    """Return the files that the tutorial has its reader save."""
    text = TUTORIAL.read_text(encoding="utf-8")
    found = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", text, re.M | re.S)
    return {name: content for name, content in found if name in ("model.py", "observed.csv")}


def watch(command: str, directory: str, screen: pyte.Screen, stream: pyte.ByteStream) -> Iterator[None]:
    """Run a command on a terminal of its own; yield whenever a picture is due."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(directory)
        environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        os.execvpe("sh", ["sh", "-c", command], environment)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", screen.lines, screen.columns, 0, 0))
    due = time.monotonic() + FRAME_S
    while True:
        if select.select([fd], [], [], max(0.0, due - time.monotonic()))[0]:
            try:
                stream.feed(os.read(fd, 65536))
            except OSError:  # the command has ended
                break
        if time.monotonic() >= due:
            due += FRAME_S
            yield
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    if status:
        sys.exit(f"{command} ended with status {status}")


def record() -> list[Frame]:
    """Type and run every command; return what was seen."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    frames: list[Frame] = []
    typed_s, began = 0.0, time.monotonic()

    def note() -> None:
        lines = tuple(line.rstrip() for line in screen.display)
        if not frames or frames[-1].lines != lines:
            frames.append(Frame(typed_s + time.monotonic() - began, lines))

    with tempfile.TemporaryDirectory() as directory:
        for name, content in files_of_tutorial().items():
            Path(directory, name).write_text(content, encoding="utf-8")
        for command in COMMANDS:
            stream.feed(PROMPT.encode())
            for at, key in enumerate(command):
                stream.feed(key.replace("\n", "\r\n> ").encode())
                typed_s += TYPED_S
                if at % 4 == 0:
                    note()
            stream.feed(b"\r\n")
            for _ in watch(command, directory, screen, stream):
                note()
            note()
        stream.feed(PROMPT.encode())
        note()
    return frames


def as_svg(frames: list[Frame]) -> str:
    """Return an animated SVG: the frames below each other, moved past a window one after the other."""
    total = frames[-1].at_s + LAST_S
    width, height = COLUMNS * WIDTH + 32, ROWS * HEIGHT + 32
    last = (len(frames) - 1) * height
    steps = "".join(
        f"{100 * frame.at_s / total:.3f}%{{transform:translateY(-{at * height:.0f}px)}}"
        for at, frame in enumerate(frames)
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        "<title>A study of 775 runs in a terminal: the command, a bar with the time that is left, a summary</title>",
        "<style>",
        "text { font: 14px ui-monospace, Menlo, Consolas, monospace; fill: #e6e6e6; white-space: pre }",
        f"#f {{ transform: translateY(-{last:.0f}px); animation: f {total:.2f}s step-end infinite }}",
        f"@keyframes f {{ 0% {{ transform: translateY(0) }} {steps} }}",
        "</style>",
        '<rect width="100%" height="100%" rx="8" fill="#1f2430"/>',
        f'<svg x="16" y="16" width="{width - 32:.0f}" height="{height - 32:.0f}"><g id="f">',
    ]
    for at, frame in enumerate(frames):
        for row, line in enumerate(frame.lines):
            if line:
                y = at * height + (row + 0.8) * HEIGHT
                size = f' textLength="{len(line) * WIDTH:.1f}"'
                parts.append(f'<text y="{y:.1f}"{size} xml:space="preserve">{html.escape(line)}</text>')
    return "\n".join([*parts, "</g></svg></svg>"]) + "\n"


if __name__ == "__main__":
    TARGET.write_text(as_svg(record()), encoding="utf-8")
    sys.stdout.write(f"{TARGET.relative_to(ROOT)}\n")
