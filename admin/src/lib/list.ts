// A list's address as the API's query.
import type { Resource } from '@/api/types'

export function listQuery(resource: Resource, filters: Record<string, string>, unit: string, below: boolean,
  cursor: string | undefined): Record<string, string> {
  const result: Record<string, string> = { limit: '20' }
  const known = new Set(['state', ...resource.fields.filter((field) => field.filterable).map((field) => field.name)])
  for (const [name, value] of Object.entries(filters)) {
    if (known.has(name)) result[name] = value.includes(',') ? `in.(${value})` : `eq.${value}`
  }
  if (unit) {
    result.unit = unit
    if (!below) result.reach = 'self'
  }
  if (cursor) result.cursor = cursor
  return result
}
