import type { ExchangeView, RecordingSummary } from '../../src/live/page.ts';
import { duration } from '../base/format.ts';

interface TimelineProps {
  readonly summary: RecordingSummary;
  /** The chosen exchange's key, or empty. */
  readonly chosen: string;
  readonly onChoose: (key: string) => void;
}

/** Rows that are drawn. */
const SHOWN = 400;

/** The streams and requests of a recording as bars over its time; the wire doesn't say which worker ran one. */
export function ExchangeTimeline({ summary, chosen, onChoose }: TimelineProps) {
  const whole = Math.max(1, summary.ms);
  return (
    <ol className="timeline" aria-label="Streams and requests">
      {summary.exchanges.slice(0, SHOWN).map((exchange) => (
        <li key={exchange.key}>
          <button
            type="button"
            className={exchange.key === chosen ? 'timeline-row is-chosen' : 'timeline-row'}
            aria-pressed={exchange.key === chosen}
            onClick={() => onChoose(exchange.key === chosen ? '' : exchange.key)}
          >
            <span className="timeline-name mono">{exchange.method === '' ? '–' : exchange.method}</span>
            <svg className="timeline-bar" viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">
              <rect
                className={`bar-${colourOf(exchange)}`}
                x={(exchange.from / whole) * 1000}
                width={Math.max(3, ((exchange.to - exchange.from) / whole) * 1000)}
                y="1"
                height="10"
                rx="1"
              />
            </svg>
            <span className="timeline-end">
              {duration(exchange.to - exchange.from)} · {exchange.end === '' ? 'not ended' : exchange.end}
            </span>
          </button>
        </li>
      ))}
    </ol>
  );
}

function colourOf({ end }: ExchangeView): 'running' | 'stopping' | 'failed' | 'crashed' {
  switch (end) {
    case 'cancelled':
    case 'unavailable':
      return 'stopping';
    case 'workerCrashed':
      return 'crashed';
    case 'close':
    case 'handled':
    case 'initialized':
    case 'healthReport':
    case 'drained':
    case '':
      return 'running';
    default:
      return 'failed';
  }
}
