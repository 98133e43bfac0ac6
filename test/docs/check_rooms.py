#!/usr/bin/env python3
"""The README of each room names the files of the room.

    check_rooms.py [DIRECTORY]

A name stands in backticks: a file, `name` for name.c and name.h, `name.{c,h}`, or with a *
for any letters. Prints TAP, a line per room; of a room without README nothing is named.
"""
import fnmatch
import pathlib
import re
import sys

BRACES = re.compile(r"(.*)\{(.*)\}(.*)")


def names(text):
    """What a README writes as code, braces written out."""
    for code in re.findall(r"`([^`\n]+)`", text):
        braces = BRACES.fullmatch(code)
        if braces:
            yield from (braces[1] + each + braces[3] for each in braces[2].split(","))
        else:
            yield code


def unnamed(room):
    readme = room / "README.md"
    known = set(names(readme.read_text(encoding="utf-8"))) if readme.exists() else set()
    for file in sorted(room.iterdir()):
        if file.suffix not in (".c", ".h", ".sql"):
            continue
        if file.name in known or (file.suffix != ".sql" and file.stem in known):
            continue
        if not any(fnmatch.fnmatchcase(file.name, name) for name in known if "*" in name):
            yield file.name


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    rooms = sorted(path for path in (root / "src").iterdir() if path.is_dir())
    failed = False
    print(f"1..{len(rooms)}")
    for number, room in enumerate(rooms, 1):
        left = list(unnamed(room))
        failed = failed or bool(left)
        print(f"{'not ok' if left else 'ok'} {number} - files of {room.relative_to(root)} are in its README")
        for name in left:
            print(f"# {name}")
    return 1 if failed or not rooms else 0


if __name__ == "__main__":
    sys.exit(main())
