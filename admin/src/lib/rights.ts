// Which buttons make sense. The server decides; this only spares people buttons that would be refused.
import type { RecordItem, Resource, Transition } from '@/api/types'

export function legalTransitions(resource: Resource, record: RecordItem): Transition[] {
  const offered = record.transitions ? new Set(record.transitions) : null
  return resource.transitions.filter((one) => !one.automatic && one.from.includes(record.state ?? '') &&
    (offered ? offered.has(one.name) : one.may))
}

export function mayEdit(resource: Resource, record: RecordItem): boolean {
  if (typeof record.may_update === 'boolean') return record.may_update
  return resource.may.update
}
