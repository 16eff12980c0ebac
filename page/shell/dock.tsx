import { Tabs } from '@mantine/core';
import { Figures } from '../lanes/figures.tsx';
import { Lanes } from '../lanes/lanes.tsx';
import { LogView } from '../log/log-view.tsx';
import { Nodes } from '../nodes/nodes.tsx';
import { usePage } from '../base/page-store.ts';
import type { PageMode } from '../../src/live/page.ts';

const TABS = {
  workers: { name: 'Workers', Panel: Lanes },
  figures: { name: 'Figures', Panel: Figures },
  log: { name: 'Log', Panel: LogView },
  nodes: { name: 'Nodes', Panel: Nodes },
} as const;

/** What each page has below; workers and figures are of one process. */
const TABS_OF: Readonly<Record<PageMode, readonly (keyof typeof TABS)[]>> = {
  dev: ['workers', 'figures', 'log'],
  attach: ['workers', 'figures'],
  nats: ['nodes'],
  view: [],
};

/** The panels below: workers, figures and log, or nodes. */
export function Dock() {
  const mode = usePage((state) => state.mode);
  const tabs = TABS_OF[mode];
  return (
    <section className="dock" aria-label="The module at work">
      <Tabs key={mode} defaultValue={tabs[0] ?? null} className="dock-tabs" keepMounted={false}>
        <Tabs.List>
          {tabs.map((tab) => (
            <Tabs.Tab key={tab} value={tab}>
              {TABS[tab].name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {tabs.map((tab) => {
          const { Panel } = TABS[tab];
          return (
            <Tabs.Panel key={tab} value={tab}>
              <Panel />
            </Tabs.Panel>
          );
        })}
      </Tabs>
    </section>
  );
}
