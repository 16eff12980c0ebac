import './parts/styles.ts';
import { MantineProvider } from '@mantine/core';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './shell/app.tsx';
import { listenToServer } from './shell/feed.ts';
import { theme } from './parts/theme.ts';

listenToServer();
const root = document.getElementById('root');
if (root === null) throw new Error('the page has no root');
createRoot(root).render(
  <StrictMode>
    {/* The variables and classes come with the style sheet: a style element would need an exception from the page's policy. */}
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <App />
    </MantineProvider>
  </StrictMode>,
);
