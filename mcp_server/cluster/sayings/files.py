"""What programs say of files and volumes: not there, not theirs, read-only, full, or of another version."""

from mcp_server.cluster.cause import CauseType
from mcp_server.cluster.sayings.sign import AND_UP, APPLICATION, sign

FILE = CauseType(
    code="file_missing",
    text="container {container} does not find the file {path}: {held}",
    confirm="look at volumeMounts, subPath and the keys of the ConfigMap or Secret that should hold it; then at the image",
    meaning=APPLICATION, explains=AND_UP,
)  # fmt: skip
RIGHTS = CauseType(
    code="file_permission",
    text="container {container} may not read or write {path}: {held}",
    confirm="compare runAsUser, runAsGroup and fsGroup with the owner of the volume or file",
    meaning="It runs as a user that the file or volume does not admit.", explains=AND_UP,
)  # fmt: skip
READ_ONLY = CauseType(
    code="read_only_filesystem",
    text="container {container} wants to write {path}, but its filesystem is read-only: {held}",
    confirm="look at readOnlyRootFilesystem and at readOnly of the mount; mount an emptyDir where it must write",
    meaning=APPLICATION, explains=AND_UP,
)  # fmt: skip
FULL = CauseType(
    code="volume_full",
    text="container {container} cannot write: no space is left",
    confirm="see the use of its volumes and of the node's disk (df in the pod, kubelet_volume_stats_available_bytes)",
    meaning="Writes fail until space is made or the volume grows.", explains=AND_UP,
)  # fmt: skip
DATA = CauseType(
    code="data_directory_unusable",
    text="container {container} cannot use its data folder as it is: it was written by another version, by another program, "
    "or holds what should not be there",
    confirm="see what the volume holds (lost+found at a mount point: use subPath or a folder below); compare the image's "
    "version with the one that wrote the data; keep a copy before anything is removed",
    meaning="A database refuses to start on data that it does not know.", explains=AND_UP,
)  # fmt: skip

SIGNS = (
    sign(
        DATA,
        "volumeMounts",
        r"exists but is not empty|lost\+found|database files are incompatible with server|data directory has files in it"
        r"|featureCompatibilityVersion|data directory was initialized by|not compatible with this version"
        r"|unsupported redo log format|Cannot (?:up|down)grade from|data directory .* has wrong ownership"
        r"|has invalid permissions"
        r"|WiredTiger error.*(?:unsupported|incompatible)|could not locate a valid checkpoint record|invalid primary checkpoint"
        r"|Bad file format reading the append only file|Wrong signature trying to load DB|cluster ID .* doesn't match",
        start=True,
    ),
    sign(READ_ONLY, "securityContext.readOnlyRootFilesystem", r"read-only file ?system|EROFS|ReadOnlyFileSystemException"),
    sign(FULL, "volumeMounts", r"no space left on device|ENOSPC|disk quota exceeded|disk is full|not enough space on the disk"),
    sign(
        RIGHTS,
        "securityContext",
        r"permission denied|EACCES|Operation not permitted|AccessDeniedException|EPERM\b"
        r"|Access to the path '(?P<path>[^']+)' is denied|is not writable",
        start=True,
    ),
    sign(
        FILE,
        "volumeMounts",
        r"(?<!/)(?P<path>/[\w.@+/-]{1,300})[\"'`]?\)?:? ?(?:failed \(2: )?"
        r"(?:no such file|not found|does not exist|could not be found)",
        r"no such file or directory[:,]? ?(?:@ \w+ - )?[\"'`]?(?P<path2>/[\w./-]+)?",
        r"FileNotFound(?:Error|Exception)(?:.*?(?P<path3>/[\w./-]+))?|NoSuchFileException:? ?(?P<path4>\S+)?|ENOENT",
        r"(?:can't|cannot|could not|unable to) (?:open|read|find"
        r"|load) (?:the )?(?:config(?:uration)? )?file:? [\"'`]?(?P<path5>/[\w./-]+)",
        start=True,
    ),
)
