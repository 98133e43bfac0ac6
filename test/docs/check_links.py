#!/usr/bin/env python3
"""Links between the documents: each leads to a file of the tree, and to a heading of it.

    check_links.py [DIRECTORY]

Prints TAP, a line per document. Links to the web are not followed.
"""
import pathlib
import re
import sys
import urllib.parse

FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.M | re.S)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.S)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^()\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
NAMED = re.compile(r"^ {0,3}\[[^\]]+\]:[ \t]*<?(\S+?)>?(?:[ \t]+\"[^\"]*\")?[ \t]*$", re.M)
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$", re.M)
ANCHOR = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")


def links(text):
    """The targets of the links of a document, without what is code."""
    text = CODE.sub("``", FENCE.sub("", text))
    return LINK.findall(text) + NAMED.findall(text)


def slug(heading, known):
    """The anchor that GitHub and others give a heading; a repeated one is numbered."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    text = re.sub(r"\*+|(?<!\w)_+|_+(?!\w)", "", text)
    text = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
    number = known.get(text, 0)
    known[text] = number + 1
    return f"{text}-{number}" if number else text


def anchors(path):
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    known = {}
    return {slug(heading, known) for heading in HEADING.findall(text)} | set(ANCHOR.findall(text))


def broken(root, document):
    """What is wrong with each bad link of a document."""
    for target in links(document.read_text(encoding="utf-8")):
        url = urllib.parse.urlsplit(target)
        if url.scheme or url.netloc:
            continue
        path = document.parent / urllib.parse.unquote(url.path) if url.path else document
        if not path.exists():
            yield f"{target}: no such file"
        elif not path.resolve().is_relative_to(root):
            yield f"{target}: outside the tree"
        elif url.fragment and (path.suffix != ".md" or url.fragment not in anchors(path)):
            yield f"{target}: no such heading"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    documents = sorted(path for path in root.rglob("*.md") if not {".git", "node_modules"} & set(path.parts))
    failed = False
    print(f"1..{len(documents)}")
    for number, document in enumerate(documents, 1):
        bad = list(broken(root, document))
        failed = failed or bool(bad)
        print(f"{'not ok' if bad else 'ok'} {number} - links of {document.relative_to(root)}")
        for line in bad:
            print(f"# {line}")
    return 1 if failed or not documents else 0


if __name__ == "__main__":
    sys.exit(main())
