"""Drives Longrun with Debian's python3-marathon as an operations script would: create, scale, update, roll back, kill, groups, delete.

Usage: marathon_session.py URL. Prints one JSON object per step on stdout; any exception of the client ends it with a traceback.
"""
import json
import sys
import threading
import time

from marathon import MarathonClient
from marathon.exceptions import ConflictError, NotFoundError
from marathon.models import MarathonApp, MarathonGroup
from marathon.models.app import MarathonHealthCheck, MarathonUpgradeStrategy
from marathon.models.constraint import MarathonConstraint

URL = sys.argv[1]
APP = '/python/web'
client = MarathonClient(URL)
events = []


def tell(step, **facts):
    print(json.dumps({'step': step, **facts}), flush=True)


def wait(what, condition, seconds=90):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise TimeoutError(f'{what} did not come true within {seconds} s; events: {events[-5:]}')


def finished(change):
    """A change answers with the id of its deployment; it is over when that is no longer listed."""
    deployment = change['deploymentId'] if isinstance(change, dict) else change
    wait(f'the end of deployment {deployment}', lambda: deployment not in [each.id for each in client.list_deployments()])


def settled(app_id, count):
    def reached():
        app = client.get_app(app_id)
        good = app.tasks_running == count and (not app.health_checks or app.tasks_healthy == count)
        return app if good and not app.deployments and len(client.list_tasks(app_id)) == count else None
    return wait(f'{count} good tasks of {app_id}', reached)


def follow():
    """The client stops at any event type or member that it does not know, so reading on is the test."""
    try:
        for event in client.event_stream():
            events.append(event.event_type)
    except Exception as error:  # shown by the last step
        events.append(f'ended: {error!r}')


def definition(**more):
    command = ('exec python3 -c "import http.server,os;'
               "http.server.HTTPServer(('0.0.0.0',int(os.environ['PORT0'])),"
               'http.server.SimpleHTTPRequestHandler).serve_forever()"')
    return MarathonApp(
        cmd=command, cpus=0.05, mem=32, instances=2, labels={'team': 'blue'}, env={'GREETING': 'hello'},
        health_checks=[MarathonHealthCheck(path='/', protocol='HTTP', port_index=0, grace_period_seconds=30,
                                           interval_seconds=1, timeout_seconds=5, max_consecutive_failures=5)],
        constraints=[MarathonConstraint('hostname', 'UNLIKE', 'nowhere.*')],
        upgrade_strategy=MarathonUpgradeStrategy(minimum_health_capacity=1, maximum_over_capacity=1), **more)


threading.Thread(target=follow, daemon=True).start()
wait('the event stream', lambda: 'event_stream_attached' in events, 20)
info = client.get_info()
tell('server', ping=client.ping().decode(), name=info.name, leader=client.get_leader()['leader'], metrics='gauges' in client.get_metrics())

created = client.create_app(APP, definition())
finished(created.deployments[0].id)
app = settled(APP, 2)
first = app.version
tell('create', id=app.id, tasks=len(client.list_tasks(APP)), healthy=app.tasks_healthy, labels=app.labels,
     embedded=len(client.list_apps(embed_tasks=True, embed_counts=True, embed_deployments=True, embed_readiness=True,
                                   embed_last_task_failure=True, embed_failures=True, embed_task_stats=True,
                                   label='team==blue')[0].tasks))

finished(client.scale_app(APP, instances=3))
settled(APP, 3)
finished(client.scale_app(APP, delta=1))
tell('scale', tasks=len(client.list_tasks(APP)), instances=settled(APP, 4).instances)

before = {task.id for task in client.list_tasks(APP)}
finished(client.update_app(APP, MarathonApp(env={'GREETING': 'good evening'})))
app = settled(APP, 4)
tell('update', env=app.env, replaced=not before & {task.id for task in client.list_tasks(APP)},
     changed=str(app.version) != str(first))

versions = client.list_versions(APP)
oldest = client.get_version(APP, versions[-1])
finished(client.rollback_app(APP, versions[-1]))
app = settled(APP, oldest.instances)
tell('roll back', versions=len(versions), env=app.env, instances=app.instances)

victim = client.list_tasks(APP)[0].id
client.kill_task(APP, victim)
wait('another task', lambda: victim not in [task.id for task in client.list_tasks(APP)])
settled(APP, 2)
victim = client.list_tasks(APP)[0].id
finished(client.kill_task(APP, victim, scale=True))
app = settled(APP, 1)
tell('kill and scale', instances=app.instances, gone=victim not in [task.id for task in client.list_tasks(APP)])
client.kill_given_tasks([client.list_tasks(APP)[0].id])
settled(APP, 1)
finished(client.restart_app(APP))
settled(APP, 1)
finished(client.update_apps([MarathonApp(id=APP, labels={'team': 'green'})]))
tell('many', labels=settled(APP, 1).labels, endpoints=len(client.list_endpoints()), queue=len(client.list_queue()))

group = MarathonGroup(id='/python/group', apps=[MarathonApp(id='/python/group/idle', cmd='sleep 1000', cpus=0.01, mem=16, instances=1)])
finished(client.create_group(group))
finished(client.scale_group('/python/group', 2))
shown = client.get_group('/python/group')
everything = client.list_groups()
finished(client.delete_group('/python/group'))
tell('groups', instances=shown.apps[0].instances, top=len(everything))

refused = []
for attempt in (lambda: client.create_app(APP, definition()), lambda: client.get_app('/python/nothing')):
    try:
        attempt()
    except (ConflictError, NotFoundError) as error:
        refused.append(error.status_code)
tell('errors', refused=refused)

finished(client.delete_app(APP))
left = [each.id for each in client.list_apps() if each.id.startswith('/python')]
wait('the last events', lambda: 'app_terminated_event' in events and 'deployment_success' in events)
tell('delete', left=left, events=sorted(set(events)))
