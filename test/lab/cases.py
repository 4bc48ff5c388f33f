# SPDX-License-Identifier: Apache-2.0
"""Cases of a system test: one line each, "ok - name" or "not ok - name: why".

    cases = Cases()

    @cases.add
    def a_deposit_arrives(mirror): ...

    if __name__ == "__main__":
        with Lab(...) as lab, Mirror(lab) as mirror:
            sys.exit(cases.run(mirror))
"""

import os
import sys
import time
import traceback

from lab.process import tail


class Cases:
    def __init__(self):
        self.functions = []

    def add(self, function):
        self.functions.append(function)
        return function

    def run(self, mirror, only=""):
        """Each case in turn, all of them even after a failure (but for MIRROR_FAIL_FAST, for whom one is enough); the exit
        code.  `mirror` may be None."""
        failed = ran = 0
        for function in self.functions:
            name = function.__name__.replace("_", " ")
            if only not in function.__name__:
                continue
            begin, ran = time.monotonic(), ran + 1
            try:
                if mirror and not mirror.process.running():  # a crash is the failure of the case before, not of all that follow
                    mirror.start()
                function(mirror)
                if mirror:
                    mirror.check_running()
                print(f"ok - {name} ({time.monotonic() - begin:.1f} s)", flush=True)
            except Exception as error:  # whatever goes wrong in a case is that case's failure
                failed += 1
                traceback.print_exc()
                print(f"not ok - {name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}", flush=True)
                if mirror:
                    print(f"# the end of {mirror.log}:\n{tail(mirror.log, 25)}", file=sys.stderr, flush=True)
                if os.environ.get("MIRROR_FAIL_FAST"):
                    break
        return 0 if ran and not failed else 1
