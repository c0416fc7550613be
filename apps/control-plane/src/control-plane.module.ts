// Nest's view of the process: controllers, and the parts that were made by hand under their tokens.
import { Module, type DynamicModule } from '@nestjs/common';
import { AddressesController } from './api/addresses.controller.js';
import { AgentsController } from './api/agents.controller.js';
import { AppChangesController } from './api/app-changes.controller.js';
import { AppInsightController } from './api/app-insight.controller.js';
import { AppSettingsController } from './api/app-settings.controller.js';
import { AppsController } from './api/apps.controller.js';
import { BrakeController } from './api/brake.controller.js';
import { DeploymentsController } from './api/deployments.controller.js';
import { EventsController } from './api/events.controller.js';
import { GroupsController } from './api/groups.controller.js';
import { PagesController } from './api/pages.controller.js';
import { PlanController } from './api/plan.controller.js';
import { PodsController } from './api/pods.controller.js';
import { ProcessController } from './api/process.controller.js';
import { ProxiesController } from './api/proxies.controller.js';
import { QueueController } from './api/queue.controller.js';
import { ShutdownController } from './api/shutdown.controller.js';
import { SystemController } from './api/system.controller.js';
import { TasksController } from './api/tasks.controller.js';
import { TrafficController } from './api/traffic.controller.js';
import { WhyController } from './api/why.controller.js';
import {
  AGENT_GATEWAY,
  CORE,
  EVENT_HUB,
  LOG_LEVELS,
  METRICS,
  OPEN_STREAMS,
  SETTINGS,
  type Parts,
} from './tokens.js';

@Module({})
export class ControlPlaneModule {
  static of(parts: Parts): DynamicModule {
    return {
      module: ControlPlaneModule,
      controllers: [
        SystemController,
        ProcessController,
        PagesController,
        AppsController,
        AppChangesController,
        AppInsightController,
        AppSettingsController,
        TasksController,
        WhyController,
        BrakeController,
        AddressesController,
        DeploymentsController,
        QueueController,
        GroupsController,
        PodsController,
        PlanController,
        EventsController,
        AgentsController,
        ProxiesController,
        TrafficController,
        ShutdownController,
      ],
      providers: [
        { provide: CORE, useValue: parts.core },
        { provide: SETTINGS, useValue: parts.settings },
        { provide: EVENT_HUB, useValue: parts.hub },
        { provide: AGENT_GATEWAY, useValue: parts.gateway },
        { provide: LOG_LEVELS, useValue: parts.levels },
        { provide: METRICS, useValue: parts.metrics },
        { provide: OPEN_STREAMS, useValue: parts.streams },
      ],
    };
  }
}
