# SPDX-License-Identifier: Apache-2.0
"""The fault matrix: a mirror broken at every step, with every combination of what servers offer."""
