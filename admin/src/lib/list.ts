// A list's address as the API's query.
import type { Resource } from '@/api/types'
import { fieldOf } from '@/lib/columns'

// What a row shows, and what else it is drawn from: its title, whether it is done, the name of its unit.
function shownFields(resource: Resource): string {
  const title = resource.fields.find((field) => field.type === 'text' && !field.personal)?.name
  return [...new Set([...resource.list.columns.map((name) => fieldOf(resource, name).name), title, 'number', 'state', 'unit_name'])]
    .filter((name) => name !== undefined && name !== 'id' && name !== 'version').join(',')
}

export function listQuery(resource: Resource, filters: Record<string, string>, unit: string, below: boolean,
  cursor: string | undefined): Record<string, string> {
  const result: Record<string, string> = { limit: '20', fields: shownFields(resource) }
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
