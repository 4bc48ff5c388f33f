# SPDX-License-Identifier: Apache-2.0
"""Holds one store against another, or against what it must hold.  Shares no code with mirrord."""
