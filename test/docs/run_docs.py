#!/usr/bin/env python3
"""Does what a document says, and compares with what it shows.

Usage: run_docs.py FILE.md      (PGHOST, PGPORT, PGUSER, PGDATABASE: an empty database)

Every fenced block of the document is looked at, in order:

```sql      is run by psql, all of them in one session in that database.
            An error fails the block and those after it.
```text     (or a fence without a language) directly after an sql block is the
            output that psql must show; trailing blanks do not count.
```sh       (also console, bash) may hold "make TARGET" commands, each of which
            must exist, comments and cd; nothing is run.
others      (c, json, python, ...) are illustrations.

HTML comments directly before a block change that:

<!-- run -->               the sh block is run, in the tree, with PG* set
<!-- not run: reason -->   the sql or sh block is only shown
<!-- fails -->             the sql block shows an error, and goes on after it

The database starts with the extension unless the document creates it itself.
Prints TAP, one point a block.
"""

import os
import re
import subprocess
import sys
import tempfile

SHELL = ("sh", "console", "bash", "shell")
FENCE = re.compile(r"^(\s*)(```+|~~~+)\s*([A-Za-z0-9_+-]*)")
COMMENT = re.compile(r"^\s*<!--\s*(run|fails|not run(?::\s*(.*?))?)\s*-->\s*$")


class Block:
    """A fenced block: what it is, where it starts, and what is said about it."""

    def __init__(self, language, line, mark, reason):
        self.language = language
        self.line = line
        self.mark = mark
        self.reason = reason
        self.text = ""
        self.expected = None

    def name(self):
        return "line %d (%s)" % (self.line, self.language or "text")


def blocks_of(path):
    """The blocks of a document; an output block is attached to its sql block."""
    blocks = []
    mark = reason = None
    current = None
    adjacent = None  # the sql block that only blank lines separate from here
    with open(path, encoding="utf-8") as document:
        for number, line in enumerate(document, 1):
            fence = FENCE.match(line)
            if current is not None:
                if fence and line.strip() == current_fence:
                    if current.language in ("", "text") and adjacent is not None:
                        adjacent.expected = current.text
                        adjacent = None
                    else:
                        blocks.append(current)
                        adjacent = current if current.language == "sql" else None
                    current = None
                else:
                    indented = line[:len(indent)].strip() == ""
                    current.text += line[len(indent):] if indented else line
                continue
            if fence:
                indent, current_fence = fence.group(1), fence.group(2)
                current = Block(fence.group(3).lower(), number, mark, reason)
                mark = reason = None
                continue
            comment = COMMENT.match(line)
            if comment:
                mark = comment.group(1).split(":")[0]
                reason = comment.group(2)
                adjacent = None
            elif line.strip():
                mark = reason = adjacent = None
    if current is not None:
        raise SystemExit("%s:%d: the block does not end" % (path, current.line))
    return blocks


def make_commands(block):
    """The make commands of a shell block, and the lines that are none."""
    commands, others = [], []
    for line in block.text.splitlines():
        line = re.sub(r"^\s*[$#] ", "", line) if block.language == "console" else line
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        line = re.sub(r"^sudo\s+", "", line)
        for part in re.split(r"\s*&&\s*", line):
            part = re.sub(r"^sudo\s+", "", part)
            if not part or re.match(r"^cd\s+\S+$", part):
                continue
            (commands if re.match(r"^make(\s|$)", part) else others).append(part)
    return commands, others


def check_shell(block):
    """Why a shell block that is not run is wrong, or None."""
    commands, others = make_commands(block)
    if others:
        return "neither run nor marked <!-- not run: reason -->: %s" % others[0]
    for command in commands:
        if not re.match(r"^make(\s+[\w./=-]+)*$", command):
            return "too clever to be checked: %s" % command
        dry = subprocess.run(["make", "-n"] + command.split()[1:], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True)
        if dry.returncode != 0:
            return "%s: %s" % (command, dry.stderr.strip())
    return None


def psql(text):
    """What psql prints for text, as a reader would see it."""
    env = dict(os.environ, PGTZ="UTC", PGDATESTYLE="ISO, MDY", PGAPPNAME="docs")
    done = subprocess.run(["psql", "-X", "-q"], input=text, env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout


def script_of(blocks, directory):
    """One psql script of all blocks, with marks around each block's output."""
    lines = [r"\pset pager off", r"\set ON_ERROR_STOP 1", r"\set VERBOSITY default"]
    for number, block in enumerate(blocks):
        if block.mark == "not run":
            continue
        if block.language == "sql":
            lines.append(r"\echo @@begin %d@@" % number)
            if block.mark == "fails":
                lines.append(r"\set ON_ERROR_STOP 0")
            lines += [block.text.rstrip("\n"), r"\set ON_ERROR_STOP 1"]
        elif block.language in SHELL and block.mark == "run":
            name = os.path.join(directory, str(number))
            text = re.sub(r"(?m)^\$ ", "", block.text)
            with open(name, "w", encoding="utf-8") as script:
                script.write("set -eu\n" + text)
            lines.append(r"\echo @@begin %d@@" % number)
            # psql 15 can't see a command's exit status: the script leaves it
            lines.append(r"\! bash %s; echo $? > %s.status" % (name, name))
        else:
            continue
        lines.append(r"\echo @@end %d@@" % number)
    return "\n".join(lines) + "\n"


def trimmed(text):
    """Lines without trailing blanks, without empty lines around."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def verdict(block, number, output, directory):
    """(passed, explanation) of a block that was part of the psql script."""
    found = re.search(r"(?ms)^@@begin %d@@\n(.*?)(^@@end %d@@$|\Z)" % (number, number), output)
    if not found:
        return False, "not reached: a block above failed"
    got = trimmed(found.group(1))
    if not found.group(2):
        return False, got or "psql ended here"
    if block.language in SHELL:
        with open(os.path.join(directory, "%d.status" % number), encoding="utf-8") as status:
            code = status.read().strip()
        return code == "0", "exit status %s\n%s" % (code, got)
    failed = re.search(r"(?m)^(ERROR|FATAL):", got) is not None
    if failed != (block.mark == "fails"):
        return False, "no error, but it is marked <!-- fails -->" if not failed else got
    if block.expected is not None and got != trimmed(block.expected):
        return False, "shown in the document:\n%s\ngot:\n%s" % (trimmed(block.expected), got)
    return True, ""


def main(path):
    blocks = [b for b in blocks_of(path) if b.language == "sql" or b.language in SHELL]
    if not blocks:
        print("1..0 # SKIP no code in %s" % path)
        return 0
    creates = any(re.search(r"(?i)create\s+extension\s+(if\s+not\s+exists\s+)?pg_influence", b.text)
                  for b in blocks if b.language == "sql" and b.mark != "not run")
    if not creates:
        output = psql("CREATE EXTENSION pg_influence;\n")
        if output:
            print("Bail out! %s" % output.strip())
            return 1

    print("1..%d" % len(blocks), flush=True)
    failures = 0
    with tempfile.TemporaryDirectory() as directory:
        output = psql(script_of(blocks, directory))
        for number, block in enumerate(blocks):
            directive = ""
            if block.mark == "not run":
                passed = bool(block.reason)
                why = "<!-- not run --> without a reason"
                directive = " # SKIP %s" % block.reason if passed else ""
            elif block.language in SHELL and block.mark != "run":
                why = check_shell(block)
                passed = why is None
            else:
                passed, why = verdict(block, number, output, directory)
            print("%sok %d - %s%s" % ("" if passed else "not ", number + 1, block.name(), directive))
            if not passed:
                failures += 1
                for line in why.splitlines():
                    print("# " + line)
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    sys.exit(main(sys.argv[1]))
