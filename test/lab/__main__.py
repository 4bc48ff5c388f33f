# SPDX-License-Identifier: Apache-2.0
import sys

from lab.lab import main

sys.exit(main())
