#!/usr/bin/env python3
"""Go on without a gate of an incident, as a person at a terminal, with a reason. Try --help.

Written by hand, unlike its neighbours: it is no tool, and nothing reaches it but a person.
"""

import os
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
from bootstrap import run  # noqa: E402 -- found through the line above

sys.exit(run(__file__, "mcp_server.surface.skip_gate"))
