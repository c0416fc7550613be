// Answers to readiness checks, and results of `check`, in the shape of Marathon.
import { expect, test } from '@jest/globals';
import { anAppSpec, anInstance, aReadinessCheck, aStatus, aVersion } from '#libs/testkit';
import type { Instance, InstanceStatus } from '#libs/model';
import { presentApp } from './apps.js';
import { presentDeployment } from './deployments.js';
import { presentInstance } from './instances.js';
import { presentReadiness } from './readiness.js';
import { presentTask, type TaskView } from './tasks.js';

const spec = anAppSpec({ readinessChecks: [aReadinessCheck({ name: 'warm' })] });
const lastResponse = { status: 503, contentType: 'text/plain', body: 'not yet' };

const aView = (status: Partial<InstanceStatus>, instance: Partial<Instance> = {}): TaskView => ({
  instance: anInstance({ asksReadiness: true, ...instance }),
  state: 'TASK_RUNNING',
  isActive: true,
  healthy: null,
  status: aStatus(status),
  spec,
});

test('a result per instance that was asked and has answered', () => {
  const { asksReadiness: _, ...unasked } = anInstance();
  const views: TaskView[] = [
    aView({ readiness: { ready: false, lastResponse } }),
    aView({ readiness: { ready: true } }),
    aView({}),
    aView({ readiness: { ready: true } }, { placed: false }),
    { ...aView({ readiness: { ready: true } }), instance: unasked },
  ];
  expect(presentReadiness(views)).toEqual([
    { name: 'warm', taskId: 'web.1', ready: false, lastResponse },
    { name: 'warm', taskId: 'web.1', ready: true },
  ]);
});

test('they are shown with the app when asked for, and with the current actions of a deployment', () => {
  const tasks = [aView({ readiness: { ready: false } })];
  const results = [{ name: 'warm', taskId: 'web.1', ready: false }];
  const app = { version: aVersion(spec), tasks, deployments: [] };
  expect(presentApp(app, new Set(['readiness']), 0).readinessCheckResults).toEqual(results);
  expect(presentApp(app, new Set(), 0)).not.toHaveProperty('readinessCheckResults');
  const deployment = {
    ...{ id: 'd', version: 'v', status: 'running', victims: [], changes: [], currentStep: 2, startedAt: 0 },
    steps: [
      { actions: [{ action: 'StartApplication', app: '/web' }] },
      { actions: [{ action: 'ScaleApplication', app: '/web' }] },
    ],
  } as unknown as Parameters<typeof presentDeployment>[0];
  expect(presentDeployment(deployment, () => presentReadiness(tasks)).currentActions).toEqual([
    { action: 'ScaleApplication', app: '/web', readinessCheckResults: results },
  ]);
  expect(presentDeployment(deployment).currentActions[0]?.readinessCheckResults).toEqual([]);
});

test('the story of an instance has its answer', () => {
  expect(presentInstance(aView({ readiness: { ready: false } }))).toMatchObject({
    readiness: { name: 'warm', ready: false },
  });
  expect(presentInstance(aView({}))).not.toHaveProperty('readiness');
});

test('a task shows the newest result of its check, or nothing before the first', () => {
  expect(presentTask(aView({ check: { http: { statusCode: 200 } } }))).toMatchObject({
    checkResult: { http: { statusCode: 200 } },
  });
  expect(presentTask(aView({}))).not.toHaveProperty('checkResult');
});
