/** Sales by country, of any number of rows. */
import { defineMethod, defineModule, json, many, ndjson, one } from 'ixt-sdk';
import { z } from 'zod';

const Sale = z.object({ day: z.iso.date(), country: z.string(), cents: z.int().nonnegative() });
const Report = z.record(z.string(), z.object({ sales: z.int(), cents: z.int(), lastDay: z.iso.date() }));

export type Sale = z.infer<typeof Sale>;

/** Module and hosts share this; there is no handler in it. */
export const shapes = {
  report: defineMethod({
    description: 'Count, sum and last day of the sales of each country',
    input: many(ndjson(Sale)),
    output: one(json(Report)),
  }),
};

export default defineModule({
  name: 'analytics',
  version: '1.0.0',
  onServerStream: {
    // Synchronous: reading the next row blocks this worker's thread and nothing else.
    report: shapes.report.handler((rows) => {
      const report: z.infer<typeof Report> = {};
      for (const { day, country, cents } of rows) {
        const entry = (report[country] ??= { sales: 0, cents: 0, lastDay: day });
        entry.sales++;
        entry.cents += cents;
        if (day > entry.lastDay) entry.lastDay = day;
      }
      return report;
    }),
  },
});
