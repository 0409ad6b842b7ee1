"""Every setting of greeter, declared once. `python -m greeter.settings` prints `.env.example` from the declarations."""

# ruff: noqa: RUF009  the defaults that setting() makes are immutable

from dataclasses import dataclass
from pathlib import Path

from greeter import env
from greeter.colours import light_and_dark
from greeter.env import setting


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one installation. Times are in seconds unless the name has another unit, sizes in bytes."""

    production: bool = setting("no", env.yes_or_no, section="Web app")
    """Whether this is a public site: yes or no. With yes, the log is JSON, and every process requires TRUSTED_HOSTS,
    CONTACT, and strong secrets of your own."""
    web_host: str = setting("127.0.0.1", str)
    """Address on which the web app listens. 127.0.0.1 accepts connections from this machine only; put a reverse proxy
    in front of it."""
    web_port: int = setting("5554", env.port)
    """Port of the web app."""
    contact: str = setting("operator@example.org", env.mail_address)
    """Email address for questions from visitors, shown on every page."""
    proxy_hops: int = setting("0", env.at_least(0))
    """Number of reverse proxies in front of the web app. Each must set X-Forwarded-For, -Proto, -Host and -Prefix. With
    0, these headers are ignored, because any client can send them."""
    trusted_hosts: tuple[str, ...] = setting("", env.host_names)
    """Host names at which the site answers, separated by commas. .example.org is example.org and every name below it.
    If empty, at any host name."""
    cors_origins: tuple[str, ...] = setting("", env.origins)
    """Origins of other sites whose pages may read the API, such as https://www.example.org, separated by commas. With
    *, every site may. They cannot submit or change anything. If empty, no site may."""

    site_name: str = setting("greeter", str, section="Site")
    """Name of the site, in the title and at the top of every page. docs/site.md explains this section."""
    site_summary: str = setting("", str)
    """What the site is, in one sentence, on the front page and for search engines. If empty, a default sentence is
    used."""
    site_access: str = setting("", str)
    """Who may use the site, in one sentence, on every page. If empty, that it is free and open to all users without a
    login. With no, there is no sentence."""
    site_colour: tuple[str, ...] = setting("", light_and_dark)
    """Colour of links, buttons and progress bars on light and on dark pages, such as 0b6e69,5cc9c1. If empty, the
    template's colours are used. A colour that is hard to read is refused."""
    site_dir: Path | None = setting("", env.optional_folder)
    """Folder with your own templates, static files and pages, such as site. If empty, no folder is used, not even
    site."""
    site_logo: str = setting("", str)
    """Name of an image in the folder static of SITE_DIR, such as logo.svg, for the top of every page."""
    site_credit: bool = setting("yes", env.yes_or_no)
    """Whether every page says "made with greeter": yes or no."""
    citation: str = setting("", str)
    """How to cite the site, as text; an address in it becomes a link."""
    imprint_url: str = setting("", env.web_address)
    """Address of the imprint, if it is not a page in SITE_DIR."""
    privacy_url: str = setting("", env.web_address)
    """Address of the privacy policy, if it is not a page in SITE_DIR."""

    smtp_url: str = setting("", env.smtp_server, section="Email")
    """URL of the server that sends emails to visitors who want one when their job has ended, such as
    smtps://USER:PASSWORD@HOST, or smtp+starttls:// for STARTTLS, or smtp://HOST:25 without encryption. If empty, no
    emails are sent. deploy/README.md explains this section."""
    mail_from: str = setting("", env.mail_address)
    """Address from which emails are sent. If empty, CONTACT."""
    mails_per_day: int = setting("50", env.at_least(1))
    """Maximum number of emails per day to one address, and of those that one visitor asks for."""

    flower_host: str = setting("127.0.0.1", str, section="Monitoring")
    """Address on which Flower, the monitor for operators, listens."""
    flower_port: int = setting("5555", env.port)
    """Port of Flower."""
    flower_url_prefix: str = setting("", str)
    """Path at which a reverse proxy serves Flower, such as flower. If empty, the root."""
    flower_basic_auth: str = setting("greeter:change-me", env.user_and_password)
    """Login for Flower, as USER:PASSWORD."""
    metrics_token: str = setting("", str)
    """Bearer token with which Prometheus reads /metrics. If empty, /metrics is disabled."""

    redis_url: str = setting("redis://:change-me@127.0.0.1:5556/0", env.redis_server, section="Storage")
    """URL of the Redis 7+ or Valkey server that stores the jobs. If its host is this machine, the Procfile starts an
    embedded server with this port and password. docs/redis.md has the forms for TLS, ACL users and Sentinel."""
    confirm_replicas: int = setting("0", env.at_least(0))
    """Number of replicas of Redis that must have a new job before it is accepted. The embedded server has none."""
    data_dir: Path = setting("var", env.folder)
    """Folder for the files of the jobs and of the embedded Redis. A relative path starts at the directory in which you
    start the processes."""
    retention_days: int = setting("7", env.at_least(1))
    """Days for which a job is kept after its end. Then its record and files are removed."""

    worker_concurrency: int = setting("2", env.at_least(1), section="Workers")
    """Number of jobs that one worker runs at the same time. Most tools use one core; see JOB_CORES."""
    worker_queues: tuple[str, ...] = setting("", env.words)
    """Queues from which a worker takes jobs, separated by commas. If empty, from those of all tools. A tool names its
    queue with @tool(queue="long")."""
    soft_time_limit: int = setting("5000", env.at_least(1))
    """Seconds after which a tool is asked to stop and to return what it has. A tool may set its own limit."""
    time_limit_grace: int = setting("300", env.at_least(1))
    """Seconds after the soft time limit at which a tool that has not stopped is killed. Make it longer than the longest
    single step of any tool: for phmmer, that is one query of 100,000 residues against a million, less than half a
    minute."""
    silence_limit: int = setting("60", env.at_least(5))
    """A job is requeued when neither its process nor its worker has sent a heartbeat for this many seconds. At least 5:
    the process sends one every second, the worker every two."""
    job_memory: int = setting("4294967296", env.at_least(50000000))
    """Maximum memory of a job in bytes (4 GiB). A job that needs more is refused if its input shows that, and fails
    otherwise. A worker needs WORKER_CONCURRENCY times this, and 1 GiB for itself."""
    job_cores: int = setting("0", env.at_least(0))
    """Maximum number of processor cores of a job whose tool can use several. 0: the cores of a worker divided by
    WORKER_CONCURRENCY, at least 1."""

    max_upload_bytes: int = setting("10485760", env.at_least(1), section="Limits")
    """Maximum size of one submission in bytes, all its fields together (10 MiB)."""
    max_kept_bytes: int = setting("2147483648", env.at_least(1))
    """Maximum size in bytes of the uploads that are kept for a day for forms that were not accepted (2 GiB). When it is
    exceeded, the oldest ones of the visitor who has most are removed. MAX_CLIENT_BYTES limits those of one visitor."""
    max_records: int = setting("50000", env.at_least(1))
    """Maximum number of sequences in one field of a submission."""
    max_residues: int = setting("10000000", env.at_least(1))
    """Maximum number of residues in one field of a submission, all its sequences together."""
    max_file_bytes: int = setting("1073741824", env.at_least(1))
    """Maximum size in bytes of a file that a job writes (1 GiB)."""
    max_result_bytes: int = setting("1048576", env.at_least(1000))
    """Maximum size in bytes, as JSON, of what a tool returns (1 MiB). Every page of the job reads all of it, so a tool
    writes large results to files."""
    min_free_bytes: int = setting("1073741824", env.at_least(0))
    """Minimum number of free bytes on the disk of DATA_DIR (1 GiB). With less, new jobs are refused; the rest is for
    running jobs."""
    max_client_bytes: int = setting("2147483648", env.at_least(1))
    """Maximum size in bytes of the files, and of the long texts and results in Redis, of all jobs of one visitor until
    they are deleted (2 GiB). A running job that writes more is ended if it has more than this divided by MAX_ACTIVE.
    The uploads of forms that were not accepted may take as much again."""
    max_total_bytes: int = setting("21474836480", env.at_least(1))
    """Maximum size in bytes of the files of all jobs together (20 GiB). New ones are refused when it is reached."""
    max_waiting: int = setting("1000", env.at_least(1))
    """Maximum number of waiting jobs. New ones are refused when it is reached."""
    max_active: int = setting("20", env.at_least(1))
    """Maximum number of active jobs (waiting or running) of one visitor. Further submissions are refused."""
    submits_per_minute: int = setting("60", env.at_least(1))
    """Maximum number of submissions by one visitor per minute."""
    requests_per_minute: int = setting("6000", env.at_least(1))
    """Maximum number of requests by one visitor per minute, of any kind. Each web process counts on its own. A page
    sends one request per second while its job runs, and a class of forty may share one address."""

    @property
    def retention(self) -> int:
        """How long an ended job is kept, in seconds."""
        return self.retention_days * 86_400


if __name__ == "__main__":
    from greeter.env_example import example

    print(example(Settings), end="")
