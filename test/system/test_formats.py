#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pairs of storage formats other than those of the other tests: every kind of message and change, one kill -9 in the middle, both
stores equal, and then a pass that writes nothing."""

import pathlib
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab.cases import Cases
from lab.mirrored import mirrored

cases = Cases()


@cases.add
def mdbox_to_maildir(_):
    mirrored("mdbox", "maildir")


@cases.add
def sdbox_to_mdbox(_):
    mirrored("sdbox", "mdbox")


@cases.add
def maildir_in_folders_to_the_same(_):
    mirrored("maildir-fs", "maildir-fs")


if __name__ == "__main__":
    sys.exit(cases.run(None, sys.argv[1] if len(sys.argv) > 1 else ""))
