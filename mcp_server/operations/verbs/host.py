"""What can be done on a host whatever starts its services: end a process, put a file in place, clear rotated files,
install a pinned package. One module for each beside this one; here they are gathered."""

from mcp_server.operations.verbs.host_files import VERBS as FILES
from mcp_server.operations.verbs.host_packages import VERBS as PACKAGES
from mcp_server.operations.verbs.host_processes import VERBS as PROCESSES
from mcp_server.operations.verbs.host_space import VERBS as SPACE

VERBS = (*PROCESSES, *FILES, *SPACE, *PACKAGES)
