import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ManualClock } from '#libs/time';
import { CgroupTree, cgroupMounts } from './cgroups.js';

describe('cgroup mounts', () => {
  let root: string;
  beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'longrun-cgroups-'))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('are the memory and the cpu tree of v1, co-mounted controllers included', () => {
    const mounts = `cgroup /c/memory cgroup rw,memory 0 0\ncgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup /c/pids cgroup rw,pids 0 0\n`;
    expect(cgroupMounts(mounts)).toEqual([
      { version: 1, controller: 'memory', path: '/c/memory' },
      { version: 1, controller: 'cpu', path: '/c/cpu' },
    ]);
  });

  it('are the one tree of v2, unless it is empty beside v1', () => {
    const line = `cgroup2 ${root} cgroup2 rw,nsdelegate 0 0\n`;
    writeFileSync(join(root, 'cgroup.controllers'), 'cpuset cpu io memory pids\n');
    expect(cgroupMounts(line)).toEqual([{ version: 2, controller: 'unified', path: root }]);
    writeFileSync(join(root, 'cgroup.controllers'), 'hugetlb\n');
    expect(cgroupMounts(line)).toEqual([]);
  });

  it('that cannot be used give no groups and a warning that names the folder', () => {
    writeFileSync(join(root, 'longrun'), 'in the way');
    const tree = new CgroupTree([{ version: 1, controller: 'memory', path: root }], 'agent-1');
    expect(tree.create('task', { cpus: 1, mem: 64 })).toEqual([]);
    expect(tree.probe()).toContain(`no cgroup limits: ${join(root, 'longrun', 'agent-1')} cannot be used`);
  });

  it('of v2 are delegated level by level, and out-of-memory kills are read from memory.events', () => {
    const tree = new CgroupTree([{ version: 2, controller: 'unified', path: root }], 'agent-1');
    const [folder] = tree.create('task', { cpus: 1, mem: 64 });
    if (!folder) throw new Error('a group was expected');
    expect(folder).toBe(join(root, 'longrun', 'agent-1', 'task'));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'memory.events'), 'low 0\noom 1\noom_kill 0\n');
    expect(tree.sawOutOfMemory([folder])).toBe(false);
    writeFileSync(join(folder, 'memory.events'), 'low 0\noom 1\noom_kill 2\n');
    expect(tree.sawOutOfMemory([folder])).toBe(true);
  });

  describe('at the end of the agent', () => {
    const made = (): { tree: CgroupTree; task: string } => {
      const tree = new CgroupTree([{ version: 1, controller: 'memory', path: root }], 'agent-1');
      const [task] = tree.create('task', { cpus: 1, mem: 64 });
      if (!task) throw new Error('a group was expected');
      return { tree, task };
    };

    it('are gone with the level of the agent, also when one is busy for a moment longer', async () => {
      const { tree, task } = made();
      // a folder with something in it cannot be removed, as a group with a process in it
      writeFileSync(join(task, 'busy'), '');
      tree.remove([task]);
      const clock = new ManualClock();
      const closing = tree.close(clock);
      expect(existsSync(task)).toBe(true);
      rmSync(join(task, 'busy'));
      clock.advance(20);
      await closing;
      expect(existsSync(join(root, 'longrun'))).toBe(false);
    });

    it('stay where tasks live on, and nothing is waited for', async () => {
      const { tree, task } = made();
      await tree.close(new ManualClock());
      expect(existsSync(task)).toBe(true);
    });

    it('are not made again by whoever still asks how the host is', async () => {
      const { tree, task } = made();
      tree.remove([task]);
      await tree.close(new ManualClock());
      expect(tree.probe()).toBeUndefined();
      expect(existsSync(join(root, 'longrun'))).toBe(false);
    });
  });
});
