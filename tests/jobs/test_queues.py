"""The queues: the broker's list, the fair order, and what a lost message costs, on a real Redis."""

import json
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from wtforms import Form

from greeter.jobs.records import scripts
from greeter.jobs.records.store import Store
from greeter.jobs.runner import Runner
from greeter.toolkit.declarations import RESERVED_QUEUES
from greeter.toolkit.tool import tool
from tests.conftest import Installation

pytestmark = pytest.mark.redis

WINDOW = 16


@pytest.fixture
def site(with_redis: Installation) -> Installation:
    """An installation with Redis only; the test takes the place of the workers."""
    return with_redis


def create(store: Store, number: int, client: str = "", queue: str = "celery", tool: str = "expensive_greet") -> str:
    """Create a job without files, with an id that starts with its number."""
    job_id: bytes = store._scripts.run("create", *arguments(number, client, queue, tool))
    return job_id.decode()


def arguments(number: int, client: str, queue: str = "celery", tool: str = "expensive_greet") -> list[Any]:
    """Return the arguments of create.lua."""
    limits = ("", client, "", 20_000, 20_000, 0, 10**9, 0)
    fields = ("tool", tool, "queue", queue, "params", "{}")
    return [f"{number:04x}" + "0" * 28, *limits, *fields]


def listed(store: Store, queue: str = "celery") -> list[str]:
    """Return the jobs in the broker's list, the next one first."""
    messages: Any = store.redis.lrange(queue, 0, -1)
    return [json.loads(message)["properties"]["correlation_id"] for message in reversed(messages)]


def take(store: Store, queue: str = "celery") -> str:
    """Take the next message, as kombu does, and return its job."""
    message: Any = store.redis.rpop(queue)
    return str(json.loads(message)["headers"]["id"])


def start_next(store: Store, queue: str = "celery") -> str:
    """Take the next message, claim its job and end it."""
    job_id = take(store, queue)
    claim(store, job_id)
    assert store.runs.update(job_id, Runner("w", 1), "SUCCESS", {"result": "{}"})
    return job_id


def claim(store: Store, job_id: str) -> None:
    """Claim a waiting job that has no files."""
    assert store._scripts.run("claim", job_id, "w", 1, "{}", "")


def waiting(store: Store, queue: str = "celery") -> list[str]:
    """Return the waiting jobs of a queue, in their order."""
    found: Any = store.redis.zrange(f"queue:{queue}", 0, -1)
    return [job.decode() for job in found]


def test_a_message_is_the_one_that_celery_would_send(site: Installation) -> None:
    """Field by field, apart from the names of the sender and random ids."""
    job_id = site.submit("nap")
    message: Any = json.loads(site.redis.lpop("celery"))  # type: ignore[arg-type]  # a message is there
    site.celery.send_task("nap", task_id=job_id, headers={"request_id": ""})
    expected: Any = json.loads(site.redis.lpop("celery"))  # type: ignore[arg-type]  # a message is there
    for one in (message, expected):
        one["body"] = json.loads(b64decode(one["body"]))
        one["headers"]["origin"] = one["properties"]["reply_to"] = one["properties"]["delivery_tag"] = ""
    assert message == expected


def test_the_list_has_the_next_jobs_only(site: Installation) -> None:
    """Whether one is taken, cancelled, or goes before the others."""
    store = site.store
    jobs = [create(store, number, "a") for number in range(40)]
    assert listed(store) == jobs[:WINDOW]
    assert start_next(store) == jobs.pop(0)
    assert listed(store) == jobs[:WINDOW]
    for number in (30, 3):
        store.cancel(jobs.pop(number))
        assert listed(store) == jobs[:WINDOW]
    running = take(store)
    claim(store, running)
    store.runs.requeue(running, Runner("w"), stale=False, counted=True)
    assert listed(store) == jobs[:WINDOW] == [running, *jobs[1:WINDOW]]
    jobs.insert(1, create(store, 100, "b"))
    assert listed(store) == jobs[:WINDOW] == waiting(store)[:WINDOW]


def test_a_job_whose_message_was_taken_is_not_sent_again(site: Installation) -> None:
    """Until it has not been claimed for ten seconds, or the clock was set back. Its place stays the same."""
    store = site.store
    jobs = [create(store, number) for number in range(20)]
    taken = take(store)
    store.cancel(jobs.pop())
    store.upkeep.dispatch()
    assert (listed(store), store.find(taken).ahead) == (jobs[1 : WINDOW + 1], 0)
    for seconds in (-11, 3600):
        assert taken not in listed(store)
        site.redis.zincrby("sent:celery", seconds, taken)
        store.upkeep.dispatch()
        assert listed(store) == jobs[:WINDOW]
        assert take(store) == taken
    site.redis.delete("celery")
    site.redis.zadd("sent:celery", dict.fromkeys(waiting(store)[:WINDOW], 1))
    store.upkeep.dispatch()
    assert listed(store) == jobs[:WINDOW]


def test_a_job_that_a_worker_cannot_run_is_sent_again(site: Installation) -> None:
    """At the same place."""
    store = site.store
    jobs = [create(store, number) for number in range(20)]
    assert take(store) == jobs[0]
    store.runs.resend(jobs[0])
    assert listed(store) == jobs[:WINDOW] == waiting(store)[:WINDOW]


def test_a_worker_without_the_tool_of_the_first_jobs_gets_the_next_one_that_it_can_run(site: Installation) -> None:
    """However many visitors wait for that tool, and whether a job has a signature. The places stay the same."""
    store = site.store
    others = [create(store, number, f"client {number}", tool="other") for number in range(300)]
    mine = [create(store, number, f"client {number}") for number in range(300, 340)]
    for job_id in mine[::2]:
        store.redis.hset(f"job:{job_id}", "signature", "mine")
    for number, job_id in enumerate(mine):
        assert take(store) == others[0]
        assert store.runs.resend_unknown(others[0], "{}", ["expensive_greet", "mine"]) == (False, None)
        assert listed(store) == [job_id, *others[: WINDOW + (number == 0)]][: WINDOW + 1]
        assert waiting(store) == [*others, *mine[number:]]
        assert start_next(store) == job_id
        assert listed(store) == others[:WINDOW]
    assert take(store) == others[0]
    assert store.runs.resend_unknown(others[0], "{}", ["expensive_greet", "mine"]) == (False, "celery")
    assert [start_next(store) for _ in others] == others


def test_a_worker_does_not_get_a_job_that_another_one_has_taken(site: Installation) -> None:
    """If the first job that it can run is in the list, it comes before the others, and only once."""
    store = site.store
    other, *mine = [create(store, 0, tool="other"), *(create(store, number) for number in range(1, 4))]
    assert [take(store), take(store)] == [other, mine[0]]
    assert store.runs.resend_unknown(other, "{}", ["expensive_greet"]) == (False, None)
    assert listed(store) == [mine[1], other, mine[2]]
    store.upkeep.dispatch()
    assert listed(store) == [other, *mine[1:]]


def test_all_jobs_of_a_tool_that_no_worker_has_fail_together(site: Installation) -> None:
    """The seconds without such a worker count for all of them, because only the first ones are sent to workers."""
    store = site.store
    jobs = [create(store, number) for number in range(20)]
    assert store.runs.resend_unknown(jobs[0], "{}", []) == (False, "celery")
    store.redis.hset("jobs:unknown", "expensive_greet", 1 + site.settings.silence_limit)
    for job_id in jobs[:10]:
        assert take(store) == job_id
        assert store.runs.resend_unknown(job_id, "{}", []) == (True, None)
    store.upkeep.worker_heartbeat("w", ["celery"], ["expensive_greet"], [])
    assert store.runs.resend_unknown(take(store), "{}", []) == (False, "celery")
    assert not store.redis.exists("jobs:unknown")
    assert store.runs.resend_unknown(jobs[0], "{}", []) == (False, None)  # it has ended


def test_jobs_that_restart_keep_their_order(site: Installation) -> None:
    """Those of a worker that stops return in any order, even when the queue was empty in the meantime."""
    store = site.store
    jobs = [create(store, number) for number in range(4)]
    for job_id in jobs:
        assert take(store) == job_id
        claim(store, job_id)
    later = create(store, 4)
    for number in (2, 0, 3, 1):
        store.runs.requeue(jobs[number], Runner("w", 1), stale=False, counted=False)
    assert waiting(store) == [*jobs, later]


def test_a_record_that_was_deleted_by_hand_leaves_the_queue(site: Installation) -> None:
    """It takes no place there, and no message."""
    store = site.store
    jobs = [create(store, number) for number in range(3)]
    site.redis.delete(f"job:{jobs[1]}", "celery", "sent:celery")
    store.upkeep.dispatch()
    assert waiting(store) == listed(store) == [jobs[0], jobs[2]]


def test_messages_of_other_programs_stay_in_the_list(site: Installation) -> None:
    """They are taken after those of jobs. Messages of jobs that do not wait are removed."""
    store = site.store
    jobs = [create(store, number) for number in range(20)]
    site.celery.send_task("other", task_id="f" * 32)
    site.redis.lpush("celery", b"not JSON")
    site.celery.send_task("expensive_greet", task_id=jobs[18])
    store.cancel(jobs[2])
    messages: Any = site.redis.lrange("celery", 0, -1)
    assert (len(messages), messages[0]) == (WINDOW + 2, b"not JSON")
    assert json.loads(messages[1])["headers"]["id"] == "f" * 32
    site.redis.ltrim("celery", 2, -1)
    assert listed(store) == [job_id for job_id in jobs if job_id != jobs[2]][:WINDOW]


def test_many_messages_of_other_programs_cost_nothing(site: Installation) -> None:
    """A new job is sent at once. No message is lost, and they keep their order."""
    store = site.store
    jobs = [create(store, number) for number in range(2)]
    others = {b"other %d" % number: None for number in range(10_000)}  # a set that keeps their order
    for some in ([*others][:40], [*others][40:]):
        site.redis.lpush("celery", *some)
        jobs.append(create(store, len(jobs)))
        messages: Any = site.redis.lrange("celery", -len(jobs), -1)
        assert [json.loads(message)["headers"]["id"] for message in reversed(messages)] == jobs
    everything: Any = site.redis.lrange("celery", 0, -1)
    assert [message for message in reversed(everything) if message in others] == [*others]
    assert len(everything) == len(others) + len(jobs)
    lengths = [
        int(command.split()[-2]) for command in commands(store, store.upkeep.dispatch) if "LRANGE celery" in command
    ]
    assert lengths == [-64]
    for job_id in jobs:
        assert start_next(store) == job_id
    assert site.redis.llen("celery") == len(others)


def test_a_claim_and_a_submission_do_not_read_the_list(site: Installation) -> None:
    """They only add the message of the next job."""
    store = site.store
    jobs = [create(store, number) for number in range(WINDOW)]
    calls: list[Callable[[], object]] = [lambda: start_next(store), lambda: jobs.append(create(store, len(jobs)))]
    for call in calls * 4:
        assert not any(command.startswith("LRANGE") for command in commands(store, call))
        started = len(jobs) - len(waiting(store))
        assert listed(store) == jobs[started:]


def test_a_claim_repairs_the_list(site: Installation) -> None:
    """When the next record was deleted by hand, or all messages were."""
    store = site.store
    jobs = [create(store, number) for number in range(40)]
    site.redis.delete(f"job:{jobs[WINDOW]}")
    claim(store, take(store))
    assert jobs.pop(WINDOW) not in waiting(store)
    assert listed(store) == jobs[1:WINDOW]
    taken = take(store)
    site.redis.delete("celery")
    claim(store, taken)
    assert listed(store) == jobs[WINDOW : 2 * WINDOW]  # a worker may have taken the others


def test_a_queue_without_jobs_and_workers_is_forgotten(site: Installation) -> None:
    """Such as that of a tool that was moved to another queue."""
    store = site.store
    job_id = create(store, 1, queue="former")
    store.upkeep.dispatch()
    assert site.redis.sismember("queues", "former")
    store.cancel(job_id)
    store.upkeep.dispatch()
    assert not site.redis.sismember("queues", "former")


def test_clients_have_a_fair_share(site: Installation) -> None:
    """A client without waiting jobs is next, clients alternate, and each one's jobs run in the order of submission."""
    store = site.store
    many = [create(store, number, "a") for number in range(100)]
    assert start_next(store) == many[0]
    few = [create(store, number, "b") for number in range(100, 103)]
    alone = create(store, 103, "c")
    assert [store.find(job_id).ahead for job_id in (few[0], alone)] == [0, 1]
    order = [few[0], alone, many[1], few[1], many[2], few[2], many[3], many[4]]
    assert [start_next(store) for _ in order] == order


def test_newcomers_cannot_starve_a_client(site: Installation) -> None:
    """At each start, a new client submits a job. A job waits for at most two of each client that is waiting."""
    store, active, starts = site.store, [1], [-1]
    many = [create(store, number, "a") for number in range(10)]
    for number in range(100):
        create(store, 100 + number, f"newcomer {number}")
        if start_next(store) in many:
            starts.append(number)
            active.append(1 + len(set(waiting(store)) - set(many)))
    waits = [after - before for before, after in pairwise(starts)]
    assert len(waits) > 8
    assert all(wait <= 2 * clients for wait, clients in zip(waits, active, strict=False))
    assert site.redis.zcard("clients:celery") < 50  # those whose next job would be first anyway are forgotten


@pytest.mark.parametrize("fails", [False, True])  # because no worker had its tool
def test_a_job_that_ends_while_it_waits_gives_its_turn_to_the_next_one(site: Installation, fails: bool) -> None:
    """So a client that has cancelled all its jobs is next, like one that has just come."""
    store = site.store
    for number in range(100, 120):
        create(store, number, "b")
    for job_id in [create(store, number, "a") for number in range(20)]:
        site.redis.hset("jobs:unknown", "expensive_greet", 100)  # seconds
        assert store.runs.resend_unknown(job_id, "{}", []) == (True, None) if fails else store.cancel(job_id)
    assert store.find(create(store, 20, "a")).ahead == 1


def test_a_cancelled_job_that_had_its_turn_does_not_give_it_to_the_next_one(site: Installation) -> None:
    """It had started, and waits again because its worker stopped."""
    store = site.store
    first, second = create(store, 0, "a"), create(store, 1, "a")
    claim(store, take(store))
    other = create(store, 2, "b")
    store.runs.requeue(first, Runner("w", 1), stale=False, counted=False)
    assert waiting(store) == [first, other, second]
    store.cancel(first)
    assert waiting(store) == [other, second]


def test_a_cancelled_job_whose_turn_is_over_does_not_give_it_to_the_next_one(site: Installation) -> None:
    """That one would pass a job that started before the cancelled ones, and waits again."""
    store = site.store
    slow, slower, quick = (create(store, number, "a") for number in range(3))
    claim(store, quick)  # by a worker that got its message later, but was quicker
    last = create(store, 3, "a")
    store.cancel(slow)
    store.cancel(slower)
    store.runs.requeue(quick, Runner("w", 1), stale=False, counted=False)
    assert waiting(store) == [quick, last]


def test_a_job_that_restarts_does_not_let_newcomers_pass(site: Installation) -> None:
    """Its score is below that of jobs that have started since."""
    store = site.store
    jobs = [create(store, number, "a") for number in range(5)]
    for _ in range(2):
        claim(store, take(store))
    others = [create(store, number, "b") for number in range(5, 7)]
    claim(store, take(store))
    claim(store, take(store))
    assert waiting(store) == [others[1], *jobs[3:]]
    store.runs.requeue(jobs[0], Runner("w", 1), stale=False, counted=False)
    claim(store, take(store))
    newcomer = create(store, 7, "c")
    assert waiting(store)[:2] == [others[1], newcomer]


class Queue(RuleBasedStateMachine):
    """Clients submit and cancel jobs, and workers start them, in any order."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.store.redis.flushdb()
        self.numbers = count()
        self.waiting: dict[str, list[str]] = {client: [] for client in "abc"}
        self.starts_of_others: dict[str, Counter[str]] = {client: Counter() for client in "abc"}

    @rule(client=st.sampled_from("abc"), number=st.integers(1, 12))
    def submit(self, client: str, number: int) -> None:
        """A client submits some jobs."""
        if not self.waiting[client]:
            self.starts_of_others[client].clear()
        self.waiting[client] += [create(self.store, next(self.numbers), client) for _ in range(number)]

    @precondition(lambda self: any(self.waiting.values()))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A client cancels a waiting job."""
        job_id = data.draw(st.sampled_from([job_id for jobs in self.waiting.values() for job_id in jobs]))
        self.store.cancel(job_id)
        for jobs in self.waiting.values():
            jobs[:] = [one for one in jobs if one != job_id]

    @precondition(lambda self: any(self.waiting.values()))
    @rule()
    def start(self) -> None:
        """The first job of a client starts. No client starts more than twice while another one waits."""
        job_id = start_next(self.store)
        (client,) = (client for client, jobs in self.waiting.items() if jobs[:1] == [job_id])
        self.waiting[client].pop(0)
        self.starts_of_others[client].clear()
        for other, starts in self.starts_of_others.items():
            starts[client] += other != client and bool(self.waiting[other])
            assert max(starts.values()) <= 2

    @invariant()
    def the_list_has_the_next_jobs(self) -> None:
        """In the order of the places that pages show."""
        jobs = [job_id for jobs in self.waiting.values() for job_id in jobs]
        places = {self.store.find(job_id).ahead: job_id for job_id in jobs}
        assert sorted(place for place in places if place is not None) == list(range(len(jobs)))
        assert listed(self.store) == [places[place] for place in range(min(len(jobs), WINDOW))]

    def teardown(self) -> None:
        """The jobs that are left start in the order that was shown."""
        jobs = waiting(self.store)
        assert [start_next(self.store) for _ in jobs] == jobs


@pytest.mark.slow
def test_places_and_shares_match_the_model_after_any_calls(site: Installation) -> None:
    """The place that is shown is exact, and each client gets its share."""
    limits = settings(max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(type("QueueInRedis", (Queue,), {"store": site.store}), settings=limits)


def commands(store: Store, call: Callable[[], object]) -> list[str]:
    """Return the commands that Redis runs during a call, those in scripts included."""
    found: list[str] = []
    with store.redis.monitor() as monitor:
        call()
        store.redis.echo("end")
        while found[-1:] != ["ECHO end"]:
            found.append(monitor.next_command()["command"])
    return found


def test_the_cost_does_not_depend_on_how_many_jobs_wait(site: Installation) -> None:
    """A sweep, a submission, a claim and a cancel run few commands, and none that reads all jobs."""
    store = site.store
    with site.redis.pipeline(transaction=False) as pipeline:
        for number in range(10_000):
            store._scripts._scripts["create"](args=arguments(number, f"client {number // 20}"), client=pipeline)
        pipeline.execute()
    cancelled = waiting(store)[WINDOW + 2]
    calls: list[Callable[[], object]] = [
        store.upkeep.dispatch,
        lambda: create(store, 60_000, "new"),
        lambda: start_next(store),
        lambda: store.cancel(cancelled),
        store.upkeep.stale_jobs,
        store.statistics,
    ]
    for call in calls:
        found = commands(store, call)
        assert len(found) < 100
        for command in found:
            assert not re.match(r"Z\w+ (queue|waiting):celery (0 -1|-inf)", command)
    sizes = site.redis.zcard("queue:celery"), site.redis.llen("celery"), site.redis.zcard("sent:celery")
    assert sizes == (9_999, WINDOW, WINDOW)


def test_jobs_of_version_0_2_0_wait_in_their_order(site: Installation) -> None:
    """Those that an old web has submitted while the new workers run, too. Old heartbeats of running jobs count."""
    store = site.store
    jobs = [create(store, number) for number in range(20)]
    old = [f"{number:x}" * 32 for number in range(1, 4)]
    for place, job_id in enumerate(old):
        fields = {"state": "PENDING", "submitted": 1, "attempts": 0, "tool": "nap", "params": "{}"}
        site.redis.hset(f"job:{job_id}", mapping=fields)  # type: ignore[arg-type]  # the stubs want a wider type
        site.redis.zadd("jobs:waiting", {job_id: 100 + place})
    site.celery.send_task("nap", task_id=old[0])
    claim(store, old[1])
    assert store.cancel(old[2]) == "cancelled"
    store.upkeep.dispatch()
    assert waiting(store) == [*jobs, old[0]]
    assert not site.redis.exists("jobs:waiting")
    assert [start_next(store) for _ in range(21)] == [*jobs, old[0]]
    future = float(site.redis.hget(f"job:{old[1]}", "heartbeat_at") or 0)
    assert future > site.redis.time()[0] + 10**9  # so that an old worker does not restart the job
    site.redis.hset(f"job:{old[1]}", "heartbeat_at", site.redis.time()[0])
    site.redis.zadd("jobs:running", {old[1]: 100})
    assert store.upkeep.stale_jobs() == []
    assert store.runs.requeue(old[1], Runner("w"), stale=True, counted=True) is None
    site.redis.hset(f"job:{old[1]}", "heartbeat_at", 100)
    site.redis.zadd("jobs:running", {old[1]: 100})
    assert store.upkeep.stale_jobs() == [(old[1], "w")]


@pytest.mark.parametrize("name", ["", "Long", "a b", "a:b", "unfit", "queues"])
def test_a_queue_has_a_name_that_redis_does_not_use(name: str) -> None:
    """The list of a queue has its name."""
    with pytest.raises(ValueError, match="queue cannot be named"):
        tool("A tool", form=Form, queue=name)


def test_all_keys_without_a_colon_are_reserved() -> None:
    """As the documentation of scripts.py lists them."""
    keys = re.findall(r"^\| `([a-z_]+)` \|", scripts.__doc__ or "", re.MULTILINE)
    assert len(keys) > 5
    assert RESERVED_QUEUES.issuperset(keys)
