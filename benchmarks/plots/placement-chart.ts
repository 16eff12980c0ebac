import { WAY_TITLES, type PlacementWait } from '../simulation/placement-study.ts';
import type { Chart } from './charts.ts';

/** Wait against load, a panel for each number of nodes. */
export function placementChart(waits: readonly PlacementWait[]): Chart {
  const title = 'Simulated: wait for a place, 8 places a node, handlers of 1 s';
  return {
    name: 'placement',
    title,
    spec: {
      $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
      title,
      background: 'white',
      data: {
        values: waits.map(({ way, nodes, load, meanMs }) => ({
          who: WAY_TITLES[way],
          nodes,
          load,
          wait: meanMs,
        })),
      },
      facet: { column: { field: 'nodes', type: 'ordinal', title: 'nodes' } },
      spec: {
        width: 230,
        height: 320,
        mark: { type: 'line', point: true },
        encoding: {
          x: { field: 'load', type: 'quantitative', scale: { domain: [0.5, 1] }, title: 'load' },
          y: { field: 'wait', type: 'quantitative', scale: { type: 'log' }, title: 'mean wait, ms' },
          color: {
            field: 'who',
            type: 'nominal',
            title: null,
            sort: Object.values(WAY_TITLES),
            legend: { orient: 'bottom', columns: 2, labelLimit: 300 },
          },
        },
      },
      config: { font: 'DejaVu Sans' },
    },
  };
}
