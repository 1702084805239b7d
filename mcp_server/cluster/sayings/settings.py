"""What programs say of what they were told: settings that are missing, arguments nobody knows, configuration that is broken."""

from mcp_server.cluster.cause import CauseType
from mcp_server.cluster.sayings.sign import AND_UP, APPLICATION, sign

SETTING = CauseType(
    code="setting_missing",
    text="container {container} says that a setting is missing: {setting} (similar in its environment: {near})",
    confirm="compare env and envFrom of the container with the revision before and with the program's documentation",
    meaning=APPLICATION, explains=AND_UP,
)  # fmt: skip
ARGUMENT = CauseType(
    code="command_argument_wrong",
    text="container {container} does not know the argument {argument} that it is started with",
    confirm="compare command and args with the revision before and with what the program of this image says for --help",
    meaning="The program prints its usage and ends.", explains=AND_UP,
)  # fmt: skip
CONFIG = CauseType(
    code="configuration_invalid",
    text="container {container} refuses its configuration",
    confirm="read the line it names in the ConfigMap; compare with the version before (managedFields, Git)",
    meaning=APPLICATION, explains=AND_UP,
)  # fmt: skip

_NAME = "(?-i:[A-Z][A-Z0-9_]{2,60})"

SIGNS = (
    sign(
        ARGUMENT,
        "args",
        r"unknown (?:shorthand )?(?:flag|option|argument)s?:? [^\w-]*(?P<argument>-{1,2}[\w-]+|'\w' in -\w+)",
        r"flag provided but not defined: (?P<argument2>\S+)",
        r"unrecognized arguments?: (?P<argument3>.+)",
        r"(?:unrecognized|invalid|illegal|unknown|bad) option:? (?:-- )?[\"'`]?(?P<argument4>[\w-]+)",
        r"unknown (?:sub)?command:? [\"'`](?P<argument5>[^\"'`]+)",
        r"unexpected argument '(?P<argument6>[^']+)'",
        r"Missing script: \"?(?P<argument7>[\w:-]+)",
        r"no such (?:option|command):? [\"'`]?(?P<argument8>-{0,2}[\w-]+)",
        r"Found argument '(?P<argument9>[^']+)' which wasn't expected",
        r"Unrecognized (?:VM )?option:? [\"'`]?(?P<argument10>[\w+:=-]+)",
        start=True,
    ),
    sign(
        SETTING,
        "env",
        r"(?:environment variable|env(?:ironment)? var|setting|config(?:uration)? (?:key|value|option)|variable)s? "
        rf"[\"'`]?(?P<setting>{_NAME})[\"'`]? (?:is |are |was |must be |must |not |has )?(?:not set|required|"
        r"missing|not defined|undefined|unset|empty|be set|set\b|not found)",
        r"(?:missing|undefined|required|must set|unset|no)(?: required)?(?: the)? (?:environment variable|"
        rf"env(?:ironment)? var|env|variable|setting)s?:? ?[\"'`]?(?P<setting2>{_NAME})?",
        rf"KeyError: [\"'](?P<setting3>{_NAME})[\"']",
        rf"key not found: \"(?P<setting13>{_NAME})\"",
        rf"(?P<setting4>{_NAME})(?: environment variable| env var| setting)? (?:is (?:not set|required|undefined|missing|"
        r"unset|not defined|empty)|must (?:be set|not be empty)|not set|not defined|unset|is not specified"
        r"|option is not specified"
        r"|environment variable)",
        rf"required key (?P<setting6>{_NAME}) missing value",
        r"Could not resolve placeholder '(?P<setting7>[\w.-]+)'",
        rf"(?:must|need to) (?:specify|set|provide|define) (?:the )?(?P<setting8>{_NAME})",
        rf"Set the (?P<setting9>{_NAME}) environment",
        r"Missing `(?P<setting10>\w+)` for",
        r"Field required|you need to specify one of",
        r"Database is uninitialized and (?:superuser )?password (?:option )?is not specified",
        rf"(?P<setting5>{_NAME}): (?:unbound variable|parameter (?:null or )?not set)",
        r"Err\(?:?.*(?:VarError|NotPresent)|value: NotPresent|'(?P<setting11>[\w.-]+)' attribute is not specified",
        r"Missing required (?:configuration|property|parameter|option):? \W*(?P<setting12>[\w.-]+)",
        start=True,
    ),
    sign(
        CONFIG,
        "volumes",
        r"(?:invalid|malformed|bad|broken|wrong|cannot parse|failed to parse|error parsing|error loading"
        r"|could not parse|unable to parse|"
        r"failed to load|unable to load|error reading|failed to read) (?:the )?(?:\w+ )?(?:config|configuration"
        r"|yaml|json|toml|settings|xml)\b"
        r"|yaml: |\[emerg\]|syntax error (?:in config|on line \d+ of)|unknown directive|unknown keyword"
        r"|unexpected (?:token|character).{0,40}(?:json|yaml)|"
        r"json: cannot|invalid character .{1,20} looking for|FATAL CONFIG FILE ERROR|JSONDecodeError|JSON at position|in JSON"
        r"|yaml\.(?:scanner|parser)\.\w+|toml: line|TOML parse error|parsing \\?\"[^\"]*\\?\": invalid syntax"
        r"|invalid literal for int"
        r"|NumberFormatException|first path segment in URL|missing protocol scheme|invalid (?:port|URL|URI|DSN"
        r"|connection string)"
        r"|[Uu]nknown (?:configuration )?(?:property|setting|key)|mapping values are not allowed|unmarshal errors?"
        r"|ImproperlyConfigured|ConfigurationException|Invalid value .* for (?:option|flag|setting|configuration)",
        start=True,
    ),
)
