# SPDX-License-Identifier: Apache-2.0
"""Real servers for tests, the demo and the bench: private, unprivileged, gone afterwards.

Python 3.11, standard library only; run with /usr/bin/python3.  Put test/ on sys.path, `import lab`.
"""
