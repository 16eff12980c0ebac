import { Tabs } from '@mantine/core';
import { Figures } from '../lanes/figures.tsx';
import { Lanes } from '../lanes/lanes.tsx';
import { LogView } from '../log/log-view.tsx';
import { usePage } from '../base/page-store.ts';

/** The panels below: workers, figures and log. */
export function Dock() {
  const mode = usePage((state) => state.mode);
  return (
    <section className="dock" aria-label="The module at work">
      <Tabs defaultValue="workers" className="dock-tabs" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="workers">Workers</Tabs.Tab>
          <Tabs.Tab value="figures">Figures</Tabs.Tab>
          {mode === 'dev' && <Tabs.Tab value="log">Log</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="workers">
          <Lanes />
        </Tabs.Panel>
        <Tabs.Panel value="figures">
          <Figures />
        </Tabs.Panel>
        {mode === 'dev' && (
          <Tabs.Panel value="log">
            <LogView />
          </Tabs.Panel>
        )}
      </Tabs>
    </section>
  );
}
