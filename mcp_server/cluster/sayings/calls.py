"""What programs say of those they call: refused, silent, unknown, unwilling, without the database or the rights."""

from mcp_server.cluster.cause import CauseType
from mcp_server.cluster.sayings.sign import AND_UP, APPLICATION, sign

_SAYS_NO = "The dependency answers and says no."

REFUSED = CauseType(
    code="dependency_refused",
    text="container {container} cannot connect to {dependency}: the connection is refused",
    confirm="see whether Service {dependency} has ready endpoints on that port, then whether its pods listen there",
    meaning=APPLICATION, explains=AND_UP,
)  # fmt: skip
TIMEOUT = CauseType(
    code="dependency_timeout",
    text="container {container} gets no answer from {dependency} in time",
    confirm="look for a NetworkPolicy between the two, a Service without endpoints, or a slow dependency; connect from the pod",
    meaning=APPLICATION, severity="warning", explains=AND_UP,
)  # fmt: skip
UNKNOWN = CauseType(
    code="dependency_unknown",
    text="container {container} cannot resolve the name {dependency}: {why}",
    confirm="resolve the name from the pod; list the Services of the namespace; look at the pod's dnsPolicy and at CoreDNS",
    meaning=APPLICATION, explains=AND_UP,
)  # fmt: skip
AUTH = CauseType(
    code="authentication_failed",
    text="container {container} is refused by {dependency}: wrong or missing credentials, or rights that were taken away;"
    " it takes its credentials from {credentials}",
    confirm="compare user and rights at the server with what the container reads there; look for a recent change of either",
    meaning=_SAYS_NO, explains=AND_UP,
)  # fmt: skip
CLIENTS = CauseType(
    code="clients_refused",
    text="container {container} is well itself, and refuses clients ({who})",
    confirm="compare user, rights and names at this server with the Secret or setting that its clients read",
    meaning="A server's log of refusals shows what is wrong with its clients, or with what it was told of them.",
    severity="warning",
)  # fmt: skip
DATABASE = CauseType(
    code="database_missing",
    text="container {container} asks {dependency} for the database {name}, which does not exist there",
    confirm="list the databases at the server; compare with the name in the container's settings",
    meaning=_SAYS_NO, explains=AND_UP,
)  # fmt: skip
SCHEMA = CauseType(
    code="schema_missing",
    text="container {container} finds the database without what it expects in it ({schema}): a migration has not run, "
    "or not this one",
    confirm="see whether the migration Job or init container of this revision ran, and against which database",
    meaning="Program and database are of different revisions.", explains=AND_UP,
)  # fmt: skip
FORBIDDEN = CauseType(
    code="api_forbidden",
    text="ServiceAccount {account} may not {verb} {resource} at the Kubernetes API, which container {container} needs",
    confirm="kubectl auth can-i {verb} {resource} --as=system:serviceaccount:{account}; look at its RoleBindings and at"
    " serviceAccountName of the pod",
    meaning="The program asks the API server and is refused.", explains=AND_UP,
)  # fmt: skip
TOKEN = CauseType(
    code="service_account_token_absent",
    text="container {container} wants to ask the Kubernetes API, but no token of its ServiceAccount is mounted",
    confirm="see automountServiceAccountToken of the pod and of the ServiceAccount; kubectl auth can-i needs no token mounted",
    meaning="Without its token the program is nobody to the API server.", explains=AND_UP,
)  # fmt: skip
CERTIFICATE = CauseType(
    code="certificate_expired",
    text="container {container} meets a certificate that has expired or is not yet valid",
    confirm="read the dates of the certificate of {dependency}; look at the Secret or cert-manager Certificate it comes from",
    meaning="Every TLS connection that checks it fails.", explains=AND_UP,
)  # fmt: skip
UNTRUSTED = CauseType(
    code="certificate_untrusted",
    text="container {container} does not trust the certificate of {dependency}, or the name in it is another",
    confirm="compare the issuer and names of the certificate with the CA bundle and the address that is called",
    meaning="Every TLS connection that checks it fails.", explains=AND_UP,
)  # fmt: skip
PROTOCOL = CauseType(
    code="protocol_mismatch",
    text="container {container} and {dependency} do not speak the same protocol: one uses TLS, the other does not",
    confirm="compare scheme and port of the address that is called with what listens there (https and http, sslmode)",
    meaning="The connection is made, and the first bytes are not understood.", explains=AND_UP,
)  # fmt: skip
LIMIT = CauseType(
    code="limit_of_connections",
    text="container {container} meets a limit of open files or connections",
    confirm="compare the limit named with what is open; look for a leak, or for more replicas than the dependency admits",
    meaning=APPLICATION, severity="warning", explains=AND_UP,
)  # fmt: skip

SIGNS = (
    sign(
        FORBIDDEN,
        "serviceAccountName",
        r'(?:\S+ is forbidden: )?User \\?"system:serviceaccount:(?P<account>[\w.:-]+)\\?" cannot (?P<verb>\w+) '
        r'resource \\?"(?P<resource>[\w./-]+)\\?"',
        r"(?P<resource2>serviceaccounts?|pods|configmaps|secrets|endpoints|nodes|leases)(?:\.\S+)? is forbidden: User",
    ),
    sign(
        TOKEN,
        "automountServiceAccountToken",
        r"KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined",
        r"/var/run/secrets/kubernetes\.io/serviceaccount/\S{1,60} ?\W{0,4}(?:no such file|not found|ENOENT)",
        r"no such file or directory:?,? \W*/var/run/secrets/kubernetes\.io/serviceaccount",
        r"Service token file does not exist",
        start=True,
    ),
    sign(
        UNKNOWN,
        "env",
        r"lookup (?P<name>[\w.-]+)(?: on \S+)?: (?:no such host|server misbehaving|i/o timeout|Temporary failure)",
        r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (?P<name2>[\w.-]+)",
        r'could not translate host name "(?P<name3>[\w.-]+)"',
        r"UnknownHostException:? ?(?P<name4>[\w.-]*)",
        r"host not found in upstream \"(?P<name5>[\w.-]+)",
        r"bad address '(?P<name6>[\w.-]+)(?::\d+)?'",
        r"could not resolve host(?:name)?:? ?(?P<name7>[\w.-]*)",
        r"can't find (?P<name8>[\w.-]+): NXDOMAIN",
        r"getaddrinfo for (?P<name9>[\w.-]+) failed",
        r"server on '(?P<name10>[\w.-]+)' \([^)]*(?:not known|resolution)",
        r"host (?:name )?'(?P<name11>[\w.-]+)' (?:is )?unknown",
        r"Name or service not known|Temporary failure in name resolution|nodename nor servname|Name does not resolve"
        r"|NXDOMAIN|Unknown (?:MySQL |server )?host|No such host is known|failed to lookup address information"
        r"|DNS resolution failed",
    ),
    sign(
        CERTIFICATE,
        "",
        r"certificate has expired|certificate is not yet valid|CERT_HAS_EXPIRED|certificate expired",
        r"CertificateExpiredException|CertificateNotYetValid",
    ),
    sign(
        UNTRUSTED,
        "",
        r"x509: certificate signed by unknown authority|x509: certificate is valid for|x509: cannot validate certificate"
        r"|x509: certificate relies on legacy|CERTIFICATE_VERIFY_FAILED|self[- ]signed certificate"
        r"|unable to verify the first certificate|unable to get (?:local )?issuer certificate|PKIX path building failed"
        r"|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT_IN_CHAIN|UntrustedRoot|certificate verify failed"
        r"|ERR_TLS_CERT_ALTNAME_INVALID|tls: unknown certificate authority|No subject alternative (?:DNS )?names? matching",
    ),
    sign(
        PROTOCOL,
        "env",
        r"first record does not look like a TLS handshake|server gave HTTP response to HTTPS client"
        r"|HTTP request (?:was sent )?to (?:an )?HTTPS (?:server|port)|SSL is not enabled on the server"
        r"|server does not support SSL|wrong version number|SSL_ERROR_RX_RECORD_TOO_LONG"
        r"|Unsupported or unrecognized SSL message"
        r"|Unsupported frontend protocol|unexpected HTTP/1\.x|http2: frame too large",
    ),
    sign(
        DATABASE,
        "env",
        r'database "(?P<name>[^"]+)" does not exist',
        r"Unknown database '(?P<name2>[^']+)'",
        r'Cannot open database "(?P<name3>[^"]+)"',
        r"database (?P<name4>[\w-]+) (?:was )?not found on",
        r"Database `(?P<name5>[^`]+)` does not exist on the database server",
    ),
    sign(
        SCHEMA,
        "",
        r'relation "(?P<schema>[^"]+)" does not exist',
        r'column "?(?P<schema2>[\w.]+)"?(?: of relation "[^"]+")? does not exist',
        r"Table '(?P<schema3>[^']+)' doesn't exist",
        r"no such (?:table|column): (?P<schema4>[\w.]+)",
        r"The table `(?P<schema5>[^`]+)` does not exist",
        r"Unknown column '(?P<schema6>[^']+)'",
        r"Invalid object name '(?P<schema7>[^']+)'",
        r"ORA-00942|PendingMigrationError|Migrations are pending|pending migrations?\b"
        r"|unapplied migration|FlywayValidateException|FlywayMigrateException|Can't locate revision identified by"
        r"|Dirty database version|database schema is (?:out of date|not up to date|too old)|schema version mismatch"
        r"|Liquibase.*(?:validation|checksum) failed|run (?:the )?migrations? first",
    ),
    sign(
        AUTH,
        "env",
        r"(?:password |peer |ident |LDAP )?authentication failed|access denied for user|WRONGPASS|NOAUTH|"
        r"not authorized on|not authorized (?:to|for) (?:execute|query|topic|operation|database)"
        r"|auth(?:entication)? (?:error|failure|required)|AuthenticationFailed|command \w+ "
        r"requires authentication|could not find user|role \"[^\"]+\" does not exist"
        r"|role \"[^\"]+\" is not permitted to log in|"
        r"permission denied for (?:table|database|schema|relation|sequence|function)|SASL authentication|login failed for user|"
        r"ACCESS_REFUSED|requires authentication|no pg_hba\.conf entry|command denied to user|unable to authenticate|"
        r"NoCredentialsError|Unable to locate credentials|InvalidClientTokenId|SignatureDoesNotMatch|InvalidAccessKeyId|"
        r"\(AccessDenied\)|AccessDenied(?:Exception)?: User|NOPERM|code = Unauthenticated",
    ),
    sign(  # what a program that is up may as well say of those who log in to it
        AUTH,
        "env",
        r"not authorized (?:to|for)|invalid (?:username|user|login|credentials?|api ?key|access key|token)\b"
        r"|(?:status|error|fail|request|response).{0,80}\b401\b.{0,3}Unauthorized|NotAuthenticated|bad credentials"
        r"|invalid_grant"
        r"|invalid_client|Bad username or password",
        start=True,
    ),
    sign(
        LIMIT,
        "",
        r"too many open files|EMFILE|too many (?:clients|connections)|remaining connection slots are reserved|max "
        r"number of clients reached|connection pool (?:exhausted|timeout)|Connection is not available, request timed out"
        r"|QueuePool limit|sorry, too many|Timeout waiting for connection from pool|Too many (?:heavy )?connections",
    ),
    sign(
        REFUSED,
        "env",
        r"connection refused|ConnectionRefused|ECONNREFUSED|actively refused|Connection reset\b"
        r"|no healthy upstream|failed to "
        r"connect to all addresses|Connection to \S+ refused|Communications link failure|Couldn't connect to server"
        r"|could not be established\. Broker may not be available|Failed to connect to \S+ port \d+|NoBrokersAvailable"
        r"|No connection could be made|connection closed before|ECONNRESET",
    ),
    sign(
        TIMEOUT,
        "env",
        r"i/o timeout|ETIMEDOUT|connect(?:ion|ing)? time(?:d)?[- ]?out"
        r"|context deadline exceeded|no route to host|"
        r"EHOSTUNREACH|network is unreachable|DeadlineExceeded|DEADLINE_EXCEEDED|timed out (?:after|while|waiting|connecting)|"
        r"timeout occurred after waiting|ConnectTimeout|ReadTimeout|SocketTimeoutException|server selection timeout|"
        r"upstream timed out|ServerSelectionTimeoutError|upstream request timeout",
    ),
)
