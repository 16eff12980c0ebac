/** Icons of 16 by 16, drawn in the colour of the text around them. Each is beside a name, or on a button that has one. */
const PATHS = {
  play: 'M4 2.5v11l9-5.5z',
  stop: 'M3.5 3.5h9v9h-9z',
  record: 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3z',
  restart: 'M13 3v4H9l1.6-1.6A4 4 0 1 0 12 8h1.5A5.5 5.5 0 1 1 11.7 4.3z',
  download: 'M7.2 2h1.6v6l2.2-2.2 1.1 1.1L8 11 3.9 6.9 5 5.8 7.2 8zM3 12.5h10V14H3z',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM7.2 1h1.6v2.2H7.2zm0 11.8h1.6V15H7.2zM1 7.2h2.2v1.6H1zm11.8 0H15v1.6h-2.2zM2.6 3.7l1.1-1.1 1.6 1.6-1.1 1.1zm8.1 8.1 1.1-1.1 1.6 1.6-1.1 1.1zm2.7-8.1-1.6 1.6-1.1-1.1 1.6-1.6zM5.3 11.8l-1.6 1.6-1.1-1.1 1.6-1.6z',
  moon: 'M6.2 2a6 6 0 1 0 7.8 7.8A5 5 0 0 1 6.2 2z',
  check: 'M6.4 12.2 2.6 8.4l1.1-1.1 2.7 2.7 5.9-5.9 1.1 1.1z',
  cross: 'M4.2 3.1 8 6.9l3.8-3.8 1.1 1.1L9.1 8l3.8 3.8-1.1 1.1L8 9.1l-3.8 3.8-1.1-1.1L6.9 8 3.1 4.2z',
} as const;

export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" fill="currentColor" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
