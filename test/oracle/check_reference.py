#!/usr/bin/env python3
"""Is docs/reference what the code says?

The documents that docs/reference/generate writes are compared with the catalog of a fresh installation; the error
codes that the source raises are compared with those that errors.md explains, and their messages' hints with the
functions that exist. Nothing is left in the database: the generator rolls back what it creates.
"""

import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from tap import Tap  # noqa: E402

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REFERENCE = os.path.join(TREE, "docs", "reference")
# Words of a hint that look like functions of the extension and are none
NO_FUNCTIONS = {"influence.platform"}


def read(path):
    with open(path, encoding="utf-8") as source:
        return source.read()


def sources(pattern):
    return sorted(glob.glob(os.path.join(TREE, "src", "**", pattern), recursive=True))


def without_comments(text):
    """SQL without its comments and COMMENT ON texts, which name codes that are raised elsewhere."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"COMMENT ON .*?';\n", "", text, flags=re.S)
    return re.sub(r"--.*", "", text)


def raised_codes():
    """The codes that SQL or C raise: literals of ERRCODE, macros of errors.h used in a .c file."""
    codes = set()
    for path in sources("*.sql"):
        codes.update(re.findall(r"ERRCODE = '(IN\d{3})'", without_comments(read(path))))
    header = read(os.path.join(TREE, "src", "common", "errors.h"))
    macros = {name: "".join(re.findall(r"'(.)'", state)) for name, state in
              re.findall(r"#define (\w+) MAKE_SQLSTATE\(([^)]*)\)", header)}
    for path in sources("*.c"):
        codes.update(macros[m] for m in re.findall(r"\bERRCODE_INFLUENCE_\w+", read(path)) if m in macros)
    return codes, set(macros.values())


def hinted_functions():
    """Functions that hints and the explanations of errors.md send people to, each with where it is named."""
    named = {}
    for path in sources("*.sql") + sources("*.c"):
        text = without_comments(read(path)) if path.endswith(".sql") else read(path)
        for quoted in re.findall(r"'((?:[^'\n]|'')*)'|\"((?:[^\"\\\n]|\\.)*)\"", text):
            for literal in quoted:
                for name in re.findall(r"\b(influence\.[a-z_]+)\(", literal):
                    named.setdefault(name, os.path.relpath(path, TREE))
    for name in re.findall(r"\b(influence\.[a-z_]+)\(", read(os.path.join(REFERENCE, "errors.md"))):
        named.setdefault(name, "docs/reference/errors.md")
    return {name: where for name, where in named.items() if name not in NO_FUNCTIONS}


def main():
    tap = Tap()

    done = subprocess.run([sys.executable, os.path.join(REFERENCE, "generate"), "--check"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tap.ok(done.returncode == 0, "functions.md, tables.md and settings.md are what docs/reference/generate writes")
    if done.returncode != 0:
        tap.note(done.stdout)

    documents = {os.path.basename(p): read(p) for p in sorted(glob.glob(os.path.join(REFERENCE, "*.md")))}
    listed = subprocess.run(["psql", "-X", "-q", "-At"], text=True, stdout=subprocess.PIPE, input="""
        BEGIN;
        SET LOCAL client_min_messages = warning;
        CREATE EXTENSION IF NOT EXISTS pg_influence;
        DO $$ BEGIN PERFORM influence.install(); END $$;
        SELECT DISTINCT 'influence.' || proname FROM pg_proc WHERE pronamespace = 'influence'::regnamespace ORDER BY 1;
        ROLLBACK;""").stdout.split()
    missing = [name for name in listed
               if not any(re.search(r"(?m)^### %s$" % name.split(".")[1], text) for text in documents.values())]
    tap.group("every function is in the reference", len(listed), missing)

    raised, declared = raised_codes()
    explained = set(re.findall(r"(?m)^## (IN\d{3})\b", documents.get("errors.md", "")))
    tap.group("every code that is raised is explained in errors.md", len(raised), sorted(raised - explained))
    tap.group("every code in errors.md is raised", len(explained), sorted(explained - raised))
    tap.group("errors.h declares the codes that are raised", len(declared), sorted(declared ^ raised))

    hinted = hinted_functions()
    unknown = ["%s in %s" % (name, where) for name, where in sorted(hinted.items()) if name not in listed]
    tap.group("hints name functions that exist", len(hinted), unknown)
    tap.done()


if __name__ == "__main__":
    main()
