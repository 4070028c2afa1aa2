// Which buttons make sense. The server decides; this only spares people buttons that would be refused.
import type { RecordItem, Resource } from '@/api/types'
import { session } from './session'

export function mayEdit(resource: Resource, record: RecordItem): boolean {
  if (resource.may.update) return true
  const isNew = resource.states.find((state) => state.name === record.state)?.initial ?? false
  return resource.submitter_may_update === true && isNew && record.created_by === session.who?.account
}
