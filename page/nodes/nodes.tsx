import { Text } from '@mantine/core';
import { count, duration } from '../base/format.ts';
import { usePage } from '../base/page-store.ts';

/** The nodes that serve the module, as `ixt-module nodes` lists them. */
export function Nodes() {
  const nodes = usePage((state) => state.nodes);
  if (nodes.length === 0) {
    return (
      <Text size="sm" c="dimmed" p="md">
        No node answers. On each machine that should work: ixt-module join FILE --nats URL
      </Text>
    );
  }
  return (
    <div className="nodes" tabIndex={0} role="region" aria-label="Nodes">
      <table>
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">Machine</th>
            <th scope="col">Version</th>
            <th scope="col">Up</th>
            <th scope="col">Live</th>
            <th scope="col">Promised</th>
            <th scope="col">Waiting</th>
            <th scope="col">Clients</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <tr key={node.id}>
              <td className="mono">{node.id}</td>
              <td>{node.host}</td>
              <td>{node.version}</td>
              <td>{duration(Date.now() - node.startedUnixMs)}</td>
              <td>
                {count(node.live)} of {count(node.capacity)}
              </td>
              <td>{count(node.held)}</td>
              <td>{count(node.queued)}</td>
              <td>{count(node.sessions)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
