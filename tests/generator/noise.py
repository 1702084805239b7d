"""What else happens around an incident and has nothing to do with it."""

from typing import Any

from tests.generator.stories import Story, Told


def _noise(*change: Any) -> Told:
    return lambda n, c: Story("noise", change)


def _grown(subject: str, file: str, text: str) -> Told:
    """A commit of a file in the application's package that nothing else has to do with."""
    return lambda n, c: Story("noise", ("commit", subject, {f"{n.package}/{file}": text}))


NOISE: list[Told] = [
    _noise("commit", "README: how to deploy", {"README.md": "$\nDeploy with git pull.\n"}),
    _noise("commit", "tests: totals", {"tests/test_orders.py": "$\ndef test_empty(): ...\n"}),
    _noise("commit", "style: softer shadows", {"static/app.css": ".card { box-shadow: 0 1px 2px #0003 }\n"}),
    _grown("keep pages longer", "cache.py", "PAGE_SECONDS = 120\n"),
    _grown("mail: wording of the welcome", "mail.py", "WELCOME = 'Good to see you'\n"),
    _grown("admin: list the newest first", "admin.py", "import json\n\nORDER = '-created'\n"),
    _grown("reports: count per week", "reports.py", "from datetime import date\n\n\ndef weeks():\n    return date.today()\n"),
    _grown("log a line per order", "audit.py", "import logging\n\nlog = logging.getLogger('audit')\n"),
    # these lie in the path of the failing request, and are innocent all the same
    _grown("orders: say what total means", "orders.py", "^# the sum of what was ordered\n"),
    _grown("payments: reuse connections", "payments.py", "$\nSESSION = requests.Session()\n"),
    _grown("views: sort imports", "views.py", "^# views\n"),
    lambda n, c: Story("noise", ("commit", "see the handbook", {f"{n.package}/{n.feature}.py": "^# see the handbook\n"})),
    # and these write other code into the very file that fails
    lambda n, c: Story("noise", ("commit", "keep what was asked last", {
        f"{n.package}/{n.feature}.py": "$\n\ndef latest(request):\n    return request or None\n"})),
    lambda n, c: Story("noise", ("commit", "show less at once", {f"{n.package}/{n.feature}.py": "^LIMIT = 20\n\n"})),
    _grown("settings: explain the pool", "settings.py", "$# pool: see the wiki\n"),
    _noise("commit", "requirements: newer rich", {"requirements.txt": "$rich==13.9\n"}),
    _noise("commit", "nginx: compress answers", {"deploy/nginx.conf": "^gzip on;\n"}),
    _noise("upgrade", "tzdata", "2026b-0"), _noise("upgrade", "curl", "8.5.0-3"),
    _noise("upgrade", "libc6", "2.39-1"), _noise("upgrade", "vim-common", "9.1.2"),
    _noise("upgrade", "python3-idna", "3.6-3"), _noise("upgrade", "openssl", "3.0.13-1"),
    _noise("install", "ncdu", "1.18-0"), _noise("install", "libjq1", "1.6-2"), _noise("remove", "telnet"),
    _noise("edit", "/etc/motd", "Welcome\n"), _noise("edit", "/etc/cron.d/backup", "5 3 * * * root /usr/local/bin/backup\n"),
    _noise("edit", "/etc/ssh/sshd_config.d/10-keys.conf", "PasswordAuthentication no\n"),
    _noise("edit", "/etc/logrotate.d/app", "/var/log/app/*.log { weekly }\n"), _noise("rights", "/etc/sudoers.d/ops"),
]  # fmt: skip
