import {
  ActionIcon,
  Badge,
  Button,
  Tooltip,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import type { ModuleState } from '../../src/live/page.ts';
import { ratesOf } from '../lanes/figures.tsx';
import { bytes, count, duration, plural, shortPath } from '../base/format.ts';
import { Icon } from '../base/icons.tsx';
import { usePage } from '../base/page-store.ts';
import { server } from '../base/server.ts';

const STATES: Readonly<Record<ModuleState, readonly [word: string, colour: string]>> = {
  starting: ['starting', 'yellow'],
  serving: ['serving', 'teal'],
  failed: ['not loaded', 'red'],
  ended: ['ended', 'orange'],
  attached: ['attached', 'blue'],
  lost: ['not reachable', 'orange'],
  none: ['recording', 'gray'],
};

/** Which module this is, how it does, and what can be done with it as a whole. */
export function Header() {
  const module = usePage((state) => state.module);
  const mode = usePage((state) => state.mode);
  const isConnected = usePage((state) => state.isConnected);
  const workingFolder = usePage((state) => state.workingFolder);
  const [word, colour] = STATES[module?.state ?? 'starting'];
  return (
    <header className="header">
      <span className="logo" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <h1>{module?.name === undefined || module.name === '' ? 'ixt-module' : module.name}</h1>
      {module !== undefined && module.version !== '' && <span className="version">{module.version}</span>}
      <Badge color={isConnected ? colour : 'red'} variant="dot" role="status">
        {isConnected ? word : 'no connection'}
      </Badge>
      {module !== undefined && (
        <span className="file mono" title={module.file}>
          {shortPath(module.file, workingFolder)}
        </span>
      )}
      {module !== undefined && module.watchedFiles > 0 && (
        <span className="version watched">{plural(module.watchedFiles, 'file')} watched</span>
      )}
      <span className="spacer" />
      {mode !== 'view' && <Now />}
      {mode === 'dev' && <DevButtons />}
      <SchemeButton />
    </header>
  );
}

/** The figures of the last second. */
function Now() {
  const figures = usePage((state) => state.figures);
  const last = figures.at(-1);
  if (last === undefined) return null;
  const { frames, bytes: moved } = ratesOf(figures);
  return (
    <dl className="now">
      <div>
        <dt>frames/s</dt>
        <dd>{count(frames)}</dd>
      </div>
      <div>
        <dt>bytes/s</dt>
        <dd>{bytes(moved)}</dd>
      </div>
      <div>
        <dt>delay</dt>
        <dd>{duration(last.mainDelayMs)}</dd>
      </div>
      <div>
        <dt>RSS</dt>
        <dd>{bytes(last.rssBytes)}</dd>
      </div>
    </dl>
  );
}

function DevButtons() {
  const recording = usePage((state) => state.recordings.find((each) => each.state === 'recording'));
  return (
    <>
      {recording === undefined ? (
        <Tooltip label="Starts the module again, so that all is in the recording">
          <Button
            variant="default"
            leftSection={<Icon name="record" />}
            className="record-button"
            onClick={() => void server.record()}
          >
            Record
          </Button>
        </Tooltip>
      ) : (
        <Button
          color="red"
          leftSection={<Icon name="stop" />}
          className="record-button"
          onClick={() => void server.stopRecording()}
        >
          Stop, {bytes(recording.bytes)}
        </Button>
      )}
      <Tooltip label="Start the module again">
        <ActionIcon size="lg" aria-label="Start the module again" onClick={() => void server.restart()}>
          <Icon name="restart" />
        </ActionIcon>
      </Tooltip>
    </>
  );
}

function SchemeButton() {
  // Otherwise a style element would stop the transitions, which the page's policy forbids.
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const other = useComputedColorScheme('light') === 'dark' ? 'light' : 'dark';
  const name = other === 'dark' ? 'Dark colours' : 'Light colours';
  return (
    <Tooltip label={name}>
      <ActionIcon size="lg" aria-label={name} onClick={() => setColorScheme(other)}>
        <Icon name={other === 'dark' ? 'moon' : 'sun'} />
      </ActionIcon>
    </Tooltip>
  );
}
