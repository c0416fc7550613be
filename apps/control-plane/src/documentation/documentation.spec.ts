// The tables of endpoints against the routes that the controllers declare: nothing undocumented, nothing documented that is not there.
import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { describe, expect, it } from '@jest/globals';
import { ControlPlaneModule } from '../control-plane.module.js';
import type { Parts } from '../tokens.js';
import { namesIn, type Endpoint } from './endpoint.js';
import { ENDPOINTS, TAGS } from './endpoints.js';
import { openApi } from './open-api.js';
import { PATH_PARAMETERS } from './parameters.js';

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly path: string;
}

/** Served by others than controllers: the WebSocket of agents. */
const ELSEWHERE = ['GET /v3/agents/session'];

const listed = (value: unknown): readonly string[] => [value ?? ''].flat().map(String);

function routesOf(controller: { readonly prototype: object }): readonly Route[] {
  const handlers = Object.getOwnPropertyNames(controller.prototype)
    .map((name) => Object.getOwnPropertyDescriptor(controller.prototype, name)?.value as unknown)
    .filter((each): each is object => typeof each === 'function');
  return handlers.flatMap((handler) => {
    const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
    if (method === undefined) return [];
    return listed(Reflect.getMetadata(PATH_METADATA, controller)).flatMap((base) =>
      listed(Reflect.getMetadata(PATH_METADATA, handler)).map((path) => {
        const whole = `/${base}/${path}`.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
        const source = whole
          .split('/')
          .map((part) =>
            part.startsWith('*') ? '.+' : part.startsWith(':') ? '[^/]+' : part.replaceAll('.', '\\.'),
          )
          .join('/');
        return { method: RequestMethod[method], path: whole, pattern: new RegExp(`^${source}$`) };
      }),
    );
  });
}

const { controllers = [] } = ControlPlaneModule.of({} as Parts);
const routes = controllers.flatMap((each) => routesOf(each as { readonly prototype: object }));
const concrete = (path: string): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => PATH_PARAMETERS[name]?.example ?? '?');

const serves = ({ method, pattern }: Route, endpoint: Endpoint): boolean =>
  (method === 'ALL' || method === endpoint.method) && pattern.test(concrete(endpoint.path));

describe('the tables of endpoints', () => {
  it('name every route of the controllers', () => {
    const undocumented = routes.filter((route) => !ENDPOINTS.some((each) => serves(route, each)));
    expect(undocumented.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  it('name nothing without a route', () => {
    const without = ENDPOINTS.filter((each) => !routes.some((route) => serves(route, each)));
    expect(without.map(({ method, path }) => `${method} ${path}`)).toEqual(ELSEWHERE);
  });

  it('name each endpoint once, with a known tag, and every name in its path', () => {
    const names = ENDPOINTS.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(names).size).toBe(names.length);
    expect(ENDPOINTS.filter(({ tag }) => !(tag in TAGS))).toEqual([]);
    expect(
      ENDPOINTS.flatMap(({ path }) => namesIn(path)).filter((name) => !(name in PATH_PARAMETERS)),
    ).toEqual([]);
  });

  it('say for each endpoint what it answers', () => {
    expect(ENDPOINTS.filter(({ answers, errors }) => !answers.length && !errors?.length)).toEqual([]);
  });
});

describe('the OpenAPI document', () => {
  const document = openApi('1.2.3');
  const text = JSON.stringify(document);

  it('has an operation with an id of its own for each endpoint', () => {
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(operations).toHaveLength(ENDPOINTS.length);
    expect(new Set(operations.map((each) => each['operationId'])).size).toBe(ENDPOINTS.length);
  });

  it('refers only to schemas that it has, and uses all', () => {
    const used = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name));
    expect([...used].sort()).toEqual(Object.keys(document.components.schemas).sort());
    expect(text).not.toMatch(/"\$ref":"(?!#\/components\/schemas\/)/);
  });
});
