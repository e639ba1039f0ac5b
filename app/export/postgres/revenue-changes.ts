import { quoted } from './quoted.ts'

export const REVENUE_CHANGES_TABLE = 'revenue_changes'

/**
 * SQL of the corrections of revenue: each change of an hour that was over when the change came to Postgres, in the transaction of the
 * change. So the table is as exact as its source, and its times are Postgres's own.
 */
export function revenueChanges(schema: string): readonly string[] {
  const at = quoted(schema)
  const table = `${at}.${REVENUE_CHANGES_TABLE}`
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (changed_at timestamptz NOT NULL DEFAULT now(), hour timestamptz NOT NULL, old_revenue numeric, revenue numeric NOT NULL, old_trips bigint, trips bigint NOT NULL)`,
    `CREATE INDEX IF NOT EXISTS revenue_changes_changed_at ON ${table} (changed_at)`,
    `CREATE OR REPLACE FUNCTION ${at}.keep_revenue_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'UPDATE' AND OLD.revenue = NEW.revenue AND OLD.trips = NEW.trips THEN RETURN NULL; END IF; INSERT INTO ${table} (hour, old_revenue, revenue, old_trips, trips) VALUES (NEW.hour, OLD.revenue, NEW.revenue, OLD.trips, NEW.trips); RETURN NULL; END $$`,
    `DROP TRIGGER IF EXISTS keep_revenue_change ON ${at}.analytics_hourly_revenue`,
    `CREATE TRIGGER keep_revenue_change AFTER INSERT OR UPDATE ON ${at}.analytics_hourly_revenue FOR EACH ROW WHEN (NEW.hour <= now() - interval '1 hour') EXECUTE FUNCTION ${at}.keep_revenue_change()`,
  ]
}
