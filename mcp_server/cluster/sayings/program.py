"""What programs say of themselves: parts that are not in the image, memory, processes, addresses they may not have."""

from mcp_server.cluster.cause import CauseType
from mcp_server.cluster.sayings.sign import AND_UP, APPLICATION, sign

MODULE = CauseType(
    code="module_missing",
    text="container {container} does not find a part of its own program: {module}",
    confirm="look for it in the image; compare the image, and command and args, with the revision before; a volume mounted "
    "over the program's folder hides what the image has there",
    meaning="The image does not hold what the program or its start command names.", explains=AND_UP,
)  # fmt: skip
VERSION = CauseType(
    code="runtime_version_mismatch",
    text="container {container}: the program was built for another version of what it runs on",
    confirm="compare the base image and the language runtime that the program was built with and runs with",
    meaning="It cannot be loaded at all.", explains=AND_UP,
)  # fmt: skip
HEAP = CauseType(
    code="heap_exhausted",
    text="container {container} ran out of its own heap, before the container's limit",
    confirm="compare the runtime's heap setting (-Xmx, --max-old-space-size, GOMEMLIMIT) with the container's limit",
    meaning=APPLICATION, explains=AND_UP,
)  # fmt: skip
PROCESSES = CauseType(
    code="limit_of_processes",
    text="container {container} may not make a further process or thread",
    confirm="compare the number of its threads with the pod's pid limit (kubelet podPidsLimit) and with its memory limit",
    meaning=APPLICATION, explains=AND_UP,
)  # fmt: skip
KERNEL = CauseType(
    code="kernel_setting_too_low",
    text="container {container} needs a kernel setting of its node to be higher: {setting}",
    confirm="read that setting on the node (sysctl); it is set there, or by a privileged init container",
    meaning="It is a setting of the node, shared by all its pods.", explains=AND_UP,
)  # fmt: skip
IN_USE = CauseType(
    code="address_in_use",
    text="container {container} cannot listen: the address {address} is in use already",
    confirm="look for another container of the pod with that port, for hostNetwork, and for a second process in the container",
    meaning=APPLICATION, explains=AND_UP,
)  # fmt: skip
PRIVILEGED = CauseType(
    code="port_privileged",
    text="container {container} may not listen on {address}: its user is not root, and the port is below 1024",
    confirm="compare runAsUser and the dropped capabilities with the port; use a port above 1023, or add NET_BIND_SERVICE",
    meaning="Only root, or who has NET_BIND_SERVICE, may listen on low ports.", explains=(*AND_UP, "file_permission"),
)  # fmt: skip

SIGNS = (
    sign(
        VERSION,
        "image",
        r"UnsupportedClassVersionError|version `(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+' not found|NODE_MODULE_VERSION|"
        r"was compiled against a different|requires (?:python|node|java|ruby|php|go) ?(?:version )?[><=]|"
        r"Error loading shared library \S+: .*version|Your Ruby version is|package requires a different Python|"
        r"The framework '[^']+', version '[^']+'.* was not found|Fatal Python error: .*(?:version|encodings)",
        start=True,
    ),
    sign(
        MODULE,
        "image",
        r"No module named '?\"?(?P<module>[\w.]+)",
        r"cannot import name '?(?P<module2>[\w.]+)",
        r"can't open file '(?P<module3>[^']+)'",
        r"Cannot find (?:module|package) '(?P<module4>[^']+)'",
        r"Could not find or load main class (?P<module5>\S+)",
        r"Unable to access jarfile (?P<module6>\S+)",
        r"(?:NoClassDefFoundError|ClassNotFoundException): (?P<module7>[\w./$]+)",
        r"error while loading shared libraries: (?P<module8>[^:\s]+)",
        r"Error loading shared library (?P<module9>[^:\s]+)",
        r"cannot load such file -- (?P<module10>\S+)",
        r"Could not find (?:gem )?'?(?P<module11>[\w-]+)[\w.-]*'? in (?:any of the sources|locally|rubygems)",
        r"Class [\"'](?P<module12>[\w\\]+)[\"'] not found",
        r"Failed opening required '(?P<module13>[^']+)'",
        r"The application '(?P<module14>[^']+)' does not exist",
        r"Could not load file or assembly '(?P<module15>[^',]+)",
        r"Could not open input file: (?P<module16>\S+)",
        r"no main manifest attribute, in (?P<module17>\S+)",
        r"ERR_MODULE_NOT_FOUND|MODULE_NOT_FOUND|ImportError: |GemNotFound"
        r"|Error: Failed to find attribute '(?P<module18>\w+)' in",
        start=True,
    ),
    sign(
        KERNEL,
        "",
        r"(?P<setting>vm\.max_map_count) \[\d+\] is too low",
        r"System limit for number of file watchers reached",
        r"inotify.{0,40}(?P<setting2>max_user_(?:instances|watches))",
        r"inotify_(?:init|add_watch).*(?:too many open files|no space left)",
        r"(?:too low|increase) .*(?P<setting3>(?:fs|vm|net|kernel)\.[\w.]+)",
    ),
    sign(
        PROCESSES,
        "",
        r"can't start new thread|failed to create new OS thread|unable to create (?:new )?native thread|pthread_create failed"
        r"|fork: (?:retry: )?Resource temporarily unavailable|Resource temporarily unavailable.*(?:fork|thread)|cannot fork",
    ),
    sign(
        HEAP,
        "env",
        r"java\.lang\.OutOfMemoryError|JavaScript heap out of memory|OOM command not allowed|MemoryError\b|Cannot "
        r"allocate memory|OutOfMemoryException|fatal error: (?:runtime: )?out of memory|memory allocation of \d+ bytes failed"
        r"|Allowed memory size of \d+ bytes exhausted|Too small (?:maximum|initial) heap|std::bad_alloc"
        r"|failed to allocate memory"
        r"|Could not reserve enough space for .*heap",
    ),
    sign(
        PRIVILEGED,
        "ports",
        r"bind\(?\)?:? .*?permission denied",
        r"bind\(\) to \S+ failed \(13",
        r"listen EACCES",
        r"could not bind to address .*:\d{1,3}\b.*|\(13\)Permission denied: .*could not bind",
        r"PermissionError.*\bbind\b|SocketException.*Permission denied",
        start=True,
    ),
    sign(
        IN_USE,
        "ports",
        r"address already in use|EADDRINUSE|bind: address|port .{0,12}(?:is |was )?already (?:in use|allocated"
        r"|bound)|Only one usage of "
        r"each socket|BindException|Address in use",
    ),
)
