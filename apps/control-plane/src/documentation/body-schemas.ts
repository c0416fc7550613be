// Shapes of what is sent: the schemas of the readers themselves, so that what is published is what is read.
import { appSchemaJson, groupUpdateSchemaJson, podSchemaJson } from '#libs/model';
import { ref } from './answer-schemas.js';
import type { Schema } from './endpoint.js';

const app = appSchemaJson();

/** Nothing is mandatory in an update; `version` alone puts that version back. */
function updateOf({ required: _none, ...schema }: typeof app): Schema {
  return {
    ...schema,
    properties: {
      ...schema.properties,
      version: {
        type: ['string', 'null'],
        format: 'date-time',
        description: 'Alone: puts this stored version back. Ignored with partialUpdate=false.',
      },
    },
  };
}

/** The apps of a group are definitions like any other. */
const withApps = ({ properties, ...schema }: typeof app): Schema => ({
  ...schema,
  properties: { ...properties, apps: { ...properties?.['apps'], items: ref('App') } },
});
const { GroupUpdate, SubGroupUpdate } = groupUpdateSchemaJson();

export const BODY_SCHEMAS: Readonly<Record<string, Schema>> = {
  App: { ...app },
  AppUpdate: updateOf(app),
  GroupUpdate: withApps(GroupUpdate),
  SubGroupUpdate: withApps(SubGroupUpdate),
  Pod: { ...podSchemaJson() },
};
